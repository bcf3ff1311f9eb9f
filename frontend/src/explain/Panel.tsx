/** Any number, taken apart: the same object that `tokenroof ... --explain NUMBER --json` prints. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

import { copy } from "../app/TopBar";
import { useAnswer } from "../api/useAnswer";
import { asCli, asCurl, asPython } from "../copy/copies";
import { percent, figures } from "../numbers/format";
import { permalink, show, state } from "../state/store";
import { Formula } from "./Formula";
import { Grade } from "./Grade";
import { bodyOf, NUMBERS } from "./numbers";
import { quantity } from "./quantity";

interface Input {
  name: string;
  value: number | null;
  unit: string;
  source: string;
  as_of: string;
  grade: string;
  note: string;
  elasticity: number | null;
}

interface Tree {
  equation?: string;
  summary?: string;
  reference?: string;
  value?: number;
  unit?: string;
  input?: string;
  arguments?: Record<string, Tree>;
}

export interface Explanation {
  name: string;
  value: number;
  unit: string;
  formula?: string;
  tree?: Tree;
  worst_grade: string;
  movers: readonly string[];
  left_out: readonly string[];
  notes?: readonly string[];
  inputs: readonly Input[];
  terms?: readonly { name: string; value: number; unit: string; share: number; text: string }[];
}

/** Set by the view: the largest batch that fits, the range of the open number, and ranges of what moves it. */
export interface Context {
  fits: number;
  /** The largest batch within the limit: numbers named ".limit" stand there. */
  within: number;
  range: string;
  movers: readonly { name: string; text: string; low: string; high: string; from: number; to: number }[];
}
export const explained = signal<Context>({ fits: Infinity, within: 1, range: "", movers: [] });

function Movers({ answer }: { answer: Explanation }): JSX.Element {
  const bars = explained.value.movers;
  const most = [...answer.inputs].filter((one) => one.elasticity).sort((a, b) => Math.abs(b.elasticity as number) - Math.abs(a.elasticity as number));
  return (
    <>
      {bars.map((bar) => (
        <div class="mover" key={bar.name}>
          <div><b>{bar.name}</b><span>{bar.text}</span></div>
          <svg viewBox="0 0 200 30" aria-hidden="true" preserveAspectRatio="none">
            <line class="axis" x1="100" x2="100" y1="0" y2="16" />
            <rect class="mover-bar" x={100 + bar.from * 90} y="4" width={Math.max(2, (bar.to - bar.from) * 90)} height="8" rx="2" />
          </svg>
          <div class="mover-ends"><span>{bar.low}</span><span>{bar.high}</span></div>
        </div>
      ))}
      {most.slice(0, 2).map((one) => (
        <p class="small" key={one.name}>
          10 % more <b>{one.name.replace(/_/g, " ")}</b>: {((1.1 ** (one.elasticity as number)) - 1) > 0 ? "+" : "−"}{figures(Math.abs(1.1 ** (one.elasticity as number) - 1) * 100, 2)} %
        </p>
      ))}
    </>
  );
}

function Steps({ tree, name }: { tree: Tree; name: string }): JSX.Element | null {
  const args = tree.arguments ?? {};
  if (!tree.equation) return null;
  const text = (key: string): string => (args[key] ? quantity(args[key].value, args[key].unit ?? "1") : key.replace(/_/g, " "));
  return (
    <>
      {tree.summary && <p class="small">{tree.summary}</p>}
      <Formula formula={tree.equation} />
      <Formula formula={tree.equation} text={text} ends={quantity(tree.value, tree.unit ?? "1")} />
      {Object.entries(args).filter(([, one]) => one.equation).map(([key, one]) => (
        <details key={name + key} class="deeper"><summary>{key.replace(/_/g, " ")} = {quantity(one.value, one.unit ?? "1")}</summary><Steps tree={one} name={name + key} /></details>
      ))}
    </>
  );
}

function Body({ answer }: { answer: Explanation }): JSX.Element {
  const terms = [...(answer.terms ?? [])].sort((a, b) => b.share - a.share).slice(0, 5);
  return (
    <>
      <p class="big" data-explain-value={answer.value}>{quantity(answer.value, answer.unit)} <Grade grade={answer.worst_grade} /></p>
      {explained.value.range && <p class="small">Four in five: {explained.value.range}</p>}
      <h3>Formula, then with your numbers</h3>
      {answer.tree ? <Steps tree={answer.tree} name={answer.name} /> : <Formula formula={answer.formula ?? ""} />}
      {terms.length > 0 && (
        <dl class="terms">
          {terms.map((term) => (
            <div key={term.name}><dt>{term.name.replace(/^.*: /, "")} <span>{percent(term.share)}</span></dt><dd>{term.text}</dd></div>
          ))}
        </dl>
      )}
      <h3>Inputs</h3>
      {answer.inputs.map((one) => (
        <div class="input" key={one.name}>
          <span>{one.name.replace(/_/g, " ")}</span><b>{quantity(one.value, one.unit)}</b>
          <p><Grade grade={one.grade} /> {one.source}{one.as_of && one.as_of !== "" ? `, ${one.as_of}` : ""}{one.note ? `; ${one.note}` : ""}</p>
        </div>
      ))}
      <h3>What moves it most</h3>
      <Movers answer={answer} />
      <h3>Left out</h3>
      <p class="small">{answer.left_out.length ? answer.left_out.join("; ") : "nothing that is known"}.</p>
      {(answer.notes ?? []).map((note) => <p class="note" key={note}>{note}</p>)}
    </>
  );
}

export function Panel(): JSX.Element {
  const now = state.value;
  const [name, where] = now.x.split(".");
  const known = NUMBERS[name ?? ""];
  const batch = where === "limit" ? explained.value.within : Math.min(now.b, explained.value.fits);
  const body = bodyOf(known?.verb ?? "analyze", now, batch);
  const path = known ? `/api/v1/explain/${known.verb}/${known.number}` : "";
  const { answer, stale, problem, retry } = useAnswer<Explanation>(path, body, { off: !known, settle: 80 });
  const close = useRef<HTMLButtonElement | null>(null);

  useLayoutEffect(() => {
    // where the panel was opened from: the number that gets the focus back
    const from = document.activeElement as HTMLElement | null;
    close.current?.focus({ preventScroll: true });
    return () => {
      const target = from?.isConnected ? from : document.querySelector<HTMLElement>(".answer .number");
      target?.focus();
    };
  }, []);
  const question = { verb: known?.verb ?? "analyze", body: { ...body, ...(known ? { explain: known.number } : {}) } };
  const address = { verb: known ? `explain/${known.verb}/${known.number}` : "analyze", body };
  const python = asPython({ verb: question.verb, body }) + (known ? `\nprint(answer.explain("${known.number}"))` : "");
  return (
    <aside class="explain" aria-label="Explain">
      <button type="button" class="close" aria-label="Close" ref={close} onClick={() => show({ x: "" })}>
        <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true"><path d="m2 2 10 10M12 2 2 12" /></svg>
      </button>
      <h2>{known ? known.title + (where ? ", at your limit" : "") : "No such number"}</h2>
      <p class="small">{known?.means ?? `This page has no number "${now.x}". Close this and click one.`}</p>
      {problem && <div class="notebar" role="alert"><span><b>{problem.title}</b> {problem.detail}</span><button type="button" class="button" onClick={retry}>Try again</button></div>}
      <div class={stale ? "stale" : ""} aria-busy={stale || (!answer && !problem)}>{answer && <Body answer={answer} />}</div>
      <div class="row copyrow">
        <button type="button" class="button" onClick={() => void copy(asCli(question), "Command line")}>Copy CLI</button>
        <button type="button" class="button" onClick={() => void copy(python, "Python")}>Python</button>
        <button type="button" class="button" onClick={() => void copy(asCurl(address, location.origin), "curl")}>curl</button>
        <button type="button" class="button" onClick={() => void copy(permalink(), "Link")}>Link</button>
      </div>
    </aside>
  );
}

/** Any number, taken apart: the same object that `tokenroof ... --explain NUMBER --json` prints. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

import { copy } from "../app/TopBar";
import { useAnswer } from "../api/useAnswer";
import { asCli, asCurl, asPython } from "../copy/copies";
import { percent, figures } from "../numbers/format";
import { clamp } from "../charts/scales";
import { batchWithin, wall } from "../evaluator/operating";
import type { Curves } from "../evaluator/types";
import type { State } from "../state/params";
import { curvesOf } from "../state/request";
import { openNow, permalink, show, state } from "../state/store";
import { Formula } from "./Formula";
import { Grade } from "./Grade";
import { wordsOf } from "./names";
import { bodyOf, knownNumber } from "./numbers";
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

interface Part {
  name: string;
  share: number;
  text: string;
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
  terms?: readonly Part[];
  /** Of a number over a decode step: the step, operator by operator. */
  operators?: readonly { name: string; time_s: number; text: string }[];
  step_s?: number;
}

/** Set by the view for the number that is open: its range, and ranges of what moves it. */
export interface Context {
  of: string;
  range: string;
  movers: readonly { name: string; text: string; low: string; high: string; from: number; to: number }[];
}
const NOTHING: Context = { of: "", range: "", movers: [] };
export const explained = signal<Context>(NOTHING);
const told = (): Context => (explained.value.of === openNow.value ? explained.value : NOTHING);

function Movers({ answer }: { answer: Explanation }): JSX.Element {
  const bars = told().movers;
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
          10 % more <b>{wordsOf(one.name)}</b>: {((1.1 ** (one.elasticity as number)) - 1) > 0 ? "+" : "−"}{figures(Math.abs(1.1 ** (one.elasticity as number) - 1) * 100, 2)} %
        </p>
      ))}
    </>
  );
}

function Steps({ tree, name, unit = tree.unit ?? "1" }: { tree: Tree; name: string; unit?: string }): JSX.Element | null {
  const args = tree.arguments ?? {};
  if (!tree.equation) return tree.input ? <Formula formula={tree.input} ends={quantity(tree.value, unit)} /> : null;
  const text = (key: string): string => (args[key] ? quantity(args[key].value, args[key].unit ?? "1") : wordsOf(key));
  return (
    <>
      {tree.summary && <p class="small">{tree.summary}</p>}
      <Formula formula={tree.equation} />
      <Formula formula={tree.equation} text={text} ends={quantity(tree.value, unit)} />
      {Object.entries(args).filter(([, one]) => one.equation).map(([key, one]) => (
        <details key={name + key} class="deeper"><summary>{wordsOf(key)} = {quantity(one.value, one.unit ?? "1")}</summary><Steps tree={one} name={name + key} /></details>
      ))}
    </>
  );
}

const MOST_TERMS = 6;

function Body({ answer }: { answer: Explanation }): JSX.Element {
  const step = (answer.operators ?? []).map((one) => ({ name: one.name, share: one.time_s / (answer.step_s ?? 1), text: one.text.slice(one.name.length + 2) }));
  const all: Part[] = [...(answer.terms ?? step)].sort((a, b) => b.share - a.share);
  const terms = all.slice(0, MOST_TERMS);
  return (
    <>
      <p class="big" data-explain-value={answer.value}>{quantity(answer.value, answer.unit)} <Grade grade={answer.worst_grade} /></p>
      {told().range && <p class="small">Four in five: {told().range}</p>}
      <h3>Formula, then with your numbers</h3>
      {answer.tree ? <Steps tree={answer.tree} name={answer.name} unit={answer.unit} /> : <Formula formula={answer.formula ?? ""} />}
      {terms.length > 0 && (
        <dl class="terms">
          {terms.map((term) => (
            <div key={term.name}><dt>{term.name.replace(/^.*: /, "")} <span>{percent(term.share)}</span></dt><dd>{term.text}</dd></div>
          ))}
          {all.length > terms.length && <div><dt>{all.length - terms.length} more <span>{percent(all.slice(MOST_TERMS).reduce((sum, one) => sum + one.share, 0))}</span></dt></div>}
        </dl>
      )}
      <h3>Inputs</h3>
      {answer.inputs.map((one) => (
        <div class="input" key={one.name}>
          <span>{wordsOf(one.name)}</span><b>{quantity(one.value, one.unit)}</b>
          <p><Grade grade={one.grade} /> {one.source}{one.as_of && !one.source.endsWith(one.as_of) ? `, ${one.as_of}` : ""}{one.note ? `; ${one.note}` : ""}</p>
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

/** The batch that an explained number stands at: what was asked as far as memory holds it, or the most within the limit. */
function standing(now: State, curves: Curves | undefined, where: string): number {
  if (!curves) return now.b;
  const context = now.c > 0 ? clamp(now.c, curves.axes.context_low, curves.axes.context_high) : curves.at.context;
  const room = Math.max(1, wall(curves, context));
  return where === "limit" ? (batchWithin(curves, context, now.tpot / 1000, room) ?? 1) : Math.min(now.b, room);
}

export function Panel(): JSX.Element {
  const now = state.value;
  const [name = "", where = ""] = now.x.split(".");
  const known = knownNumber(name);
  const stands = known?.verb === "analyze" || known?.verb === "speculate";
  const curves = useAnswer<Curves>("/api/v1/curves", curvesOf(now), { off: !stands });
  const body = bodyOf(known?.verb ?? "analyze", now, standing(now, stands ? curves.answer : undefined, where), where);
  const path = known ? `/api/v1/explain/${known.verb}/${known.number}` : "";
  const waits = stands && curves.answer === undefined && curves.problem === null;
  const { answer, stale, problem, retry } = useAnswer<Explanation>(path, body, { off: !known || waits, settle: 80 });
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
      <h2>{known ? known.title + (where === "limit" ? ", at your limit" : where ? `, ${where}` : "") : "No such number"}</h2>
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

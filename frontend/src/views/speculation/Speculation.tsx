/** Drafted tokens: how much faster, at which depth, and where it stops paying. */

import type { JSX } from "preact";

import { Note, Pending } from "../../app/Note";
import { Refused, refusedBy } from "../../app/Refused";
import { useAnswer } from "../../api/useAnswer";
import { Figure, type Table } from "../../charts/Figure";
import { Handle } from "../../charts/Handle";
import { clamp } from "../../charts/scales";
import { XYChart } from "../../charts/XYChart";
import { Slider } from "../../controls/Slider";
import { Num } from "../../explain/Num";
import { figures, times, whole } from "../../numbers/format";
import { drafted } from "../../state/request";
import { commit, drag, state } from "../../state/store";

interface Speculate {
  model_name: string;
  system_name: string;
  layout: string;
  drafter: string;
  acceptance: number;
  acceptance_source: string;
  depths: readonly number[];
  curve: readonly { batch: number; speedups: readonly number[] }[];
  most_batch: number;
  best_batch: number | null;
  best_speedup: number | null;
  typical_depth: number;
  stops_at: number | null;
  compute_bound_from: number | null;
  sentence: string;
  left_out: readonly string[];
}

const DASHES = ["1 2", "2 3", "4 2 1 2", "", "10 3 2 3", "7 4", "3 3", "1 4"];

/** The best depth at a batch, and what it gains: straight between the points of the curve. */
function bestAt(answer: Speculate, batch: number): { depth: number; speedup: number } {
  const { curve } = answer;
  let after = curve.findIndex((one) => one.batch >= batch);
  if (after < 1) after = after < 0 ? curve.length - 1 : 1;
  const a = curve[after - 1];
  const b = curve[after];
  if (!a || !b) return { depth: 0, speedup: 1 };
  const share = clamp((Math.log(batch) - Math.log(a.batch)) / (Math.log(b.batch) - Math.log(a.batch) || 1), 0, 1);
  const all = a.speedups.map((value, index) => value + ((b.speedups[index] ?? value) - value) * share);
  const speedup = Math.max(...all);
  return { depth: answer.depths[all.indexOf(speedup)] ?? 0, speedup };
}

export function Speculation(): JSX.Element {
  const now = state.value;
  const asked = useAnswer<Speculate>("/api/v1/speculate", drafted(now), { settle: 200 });
  const { answer } = asked;
  if (!answer) return <Pending asked={asked} name="Speculation" />;
  const refused = refusedBy(answer);
  if (refused) return <Refused name="Speculation" answer={refused} />;
  const last = answer.curve.at(-1)?.batch ?? 2;
  const batch = clamp(now.b, 1, Math.floor(last));
  const best = bestAt(answer, batch);
  const all = answer.curve.flatMap((one) => one.speedups);
  const high = Math.ceil(Math.max(1.2, ...all) * 5) / 5;
  const low = Math.floor(Math.min(0.9, ...all) * 5) / 5;
  const says = best.speedup > 1 ? `At a batch of ${whole(batch)}, ${best.depth} drafts a step decode ${figures(best.speedup)} times as fast.` : `At a batch of ${whole(batch)} no number of drafts pays.`;
  const chosen = [...new Set([1, 2, 4, 8, best.depth])].filter((depth) => answer.depths.includes(depth)).sort((a, b) => a - b);
  const table = (): Table => ({
    columns: [{ name: "Batch", right: true }, ...answer.depths.map((depth) => ({ name: `${depth} drafts`, right: true }))],
    rows: answer.curve.filter((_, at) => at % 6 === 0).map((one) => [figures(one.batch), ...one.speedups.map((value) => times(value))]),
  });
  return (
    <section aria-label="Speculation" class={asked.stale ? "stale" : ""}>
      <Note asked={asked} />
      <h1 class="answer">
        {best.speedup > 1 ? <>At a batch of {whole(batch)}, <b>{best.depth} draft{best.depth > 1 ? "s" : ""}</b> a step make each user <Num name="speedup">{figures(best.speedup)} times</Num> as fast.</> : <>At a batch of {whole(batch)} drafts cost more than they bring.</>} {answer.stops_at ? <>They stop paying at <Num name="stops">{whole(answer.stops_at)}</Num>.</> : ""}
      </h1>
      <p class="because">Drafter: {answer.drafter}. {figures(answer.acceptance * 100)} % of drafted tokens accepted ({answer.acceptance_source}). {answer.compute_bound_from ? <>Checking becomes arithmetic-bound from <Num name="cbound">{whole(answer.compute_bound_from)}</Num> on. </> : ""}Left out: {answer.left_out.join("; ")}.</p>
      <Figure name="Speed-up of drafts against batch" stamp={`${answer.model_name}, ${answer.system_name}`} table={table} data={answer} dim={asked.stale} source={<><span>Below ×1 drafting loses.</span><span>{answer.system_name}, {answer.layout.toUpperCase()}</span></>}>
        {(width) => (
          <XYChart id="speculation" width={width} says={says}
            x={{ kind: "doublings", domain: [1, Math.max(2, last)], text: whole, name: "batch: sequences decoded together (log)" }}
            y={{ kind: "linear", domain: [low, high], text: (value) => `×${figures(value)}`, name: "Speed-up of a user", unit: "over no drafts" }}
            series={chosen.map((depth) => ({ key: `d${depth}`, look: depth === best.depth ? "result" : "line-2", dash: DASHES[depth - 1] ?? "", label: `${depth} draft${depth > 1 ? "s" : ""}`, points: answer.curve.map((one) => [one.batch, one.speedups[answer.depths.indexOf(depth)] as number] as const) }))}
            rules={[{ key: "one", axis: "y", at: 1, label: "no gain" }]}
            dots={[{ key: "best", x: batch, y: clamp(best.speedup, low, high), kind: "ring" }]} cursor={batch} flag={{ at: batch, text: whole(batch) }}
            handles={(sheet) => <Handle name="Batch" x={sheet.x(batch)} y={sheet.y(clamp(best.speedup, low, high))} value={batch} low={1} high={Math.floor(last)} says={says} at={(px) => sheet.x.invert(px)} onDrag={(b) => drag({ b })} onCommit={(b) => commit({ b })} />} />
        )}
      </Figure>
      <div class="controls">
        <Slider id="batch" name="Batch" unit="sequences" value={now.b} low={1} high={Math.max(2, Math.floor(last))} text={whole} ends={["1", whole(last)]} onDrag={(b) => drag({ b })} onCommit={(b) => commit({ b })} />
        <Slider id="accept" name="Accepted" unit="% of drafted tokens" value={now.accept * 100} low={5} high={99} text={(value) => figures(value)} ends={["5 %", "99 %"]} onDrag={(value) => drag({ accept: value / 100 })} onCommit={(value) => commit({ accept: value / 100 })} />
      </div>
    </section>
  );
}

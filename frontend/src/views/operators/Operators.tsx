/** Every operator of a decode step under the roof of the chip, moving with the batch. */

import type { JSX } from "preact";

import { Note, Pending } from "../../app/Note";
import { useAnswer } from "../../api/useAnswer";
import { Figure, type Table } from "../../charts/Figure";
import { logSpace } from "../../charts/scales";
import { XYChart, type Dot } from "../../charts/XYChart";
import { Slider } from "../../controls/Slider";
import { partsAt, form, rowSeconds, variablesAt } from "../../evaluator/step";
import { wall } from "../../evaluator/operating";
import type { Curves, Row } from "../../evaluator/types";
import { Num } from "../../explain/Num";
import { bytes, figures, percent, prefixed, time, whole } from "../../numbers/format";
import { curvesOf } from "../../state/request";
import { commit, drag, state } from "../../state/store";

interface Operator {
  name: string;
  kind: string;
  flops: number;
  bytes: number;
  seconds: number;
  share: number;
  intensity: number;
  reached: number;
  bound: string;
}

function operatorOf(row: Row, values: readonly number[], total: number): Operator {
  const flops = form(row.flops, values);
  const moved = form(row.weight_bytes, values) + form(row.kv_bytes, values) + form(row.activation_bytes, values);
  const seconds = rowSeconds(row, values);
  const compute = form(row.compute_s, values);
  const memory = form(row.memory_s, values);
  const bound = row.fixed_s > Math.max(compute, memory) ? "launch" : compute > memory ? "compute" : "memory";
  return { name: row.name, kind: row.kind, flops, bytes: moved, seconds, share: seconds / total, intensity: flops / moved, reached: flops / seconds, bound };
}

function operatorsAt(curves: Curves, batch: number, context: number): Operator[] {
  const values = variablesAt(curves.step, batch, context);
  const total = partsAt(curves.step, batch, context).step_s;
  return curves.step.rows.map((row) => operatorOf(row, values, total)).sort((a, b) => b.share - a.share);
}

/** Rates that this program's operators run at, named. */
function peaks(curves: Curves): [string, number][] {
  const used = new Set(curves.step.rows.filter((row) => row.flops.length > 0).map((row) => row.rate));
  return Object.entries(curves.chip_flops_per_s).filter(([name]) => used.has(name)).sort((a, b) => b[1] - a[1]);
}

function roof(curves: Curves, peak: number, x: number): number {
  return Math.min(peak, curves.chip_bytes_per_s * x);
}

export function Operators(): JSX.Element {
  const now = state.value;
  const asked = useAnswer<Curves>("/api/v1/curves", curvesOf(now));
  const curves = asked.answer;
  if (!curves) return <Pending asked={asked} name="Operators" />;
  const context = now.c || curves.at.context;
  const room = wall(curves, context);
  const batch = Math.max(1, Math.min(now.b, room));
  const all = operatorsAt(curves, batch, context);
  const worked = all.filter((one) => one.flops > 0 && one.bytes > 0);
  const rates = peaks(curves);
  const peak = rates[0]?.[1] ?? 1e15;
  const x: [number, number] = [0.1, 1e4];
  const y: [number, number] = [peak / 1e5, peak * 2];
  const first = all[0] as Operator;
  const memory = all.filter((one) => one.bound === "memory").reduce((sum, one) => sum + one.share, 0);
  const ridge = peak / curves.chip_bytes_per_s;
  const dots: Dot[] = worked.map((one, at) => ({
    key: one.name, x: Math.min(Math.max(one.intensity, x[0]), x[1]), y: Math.min(Math.max(one.reached, y[0]), y[1]), kind: one.share > 0.04 ? "solid" : "open",
    ...(at < 6 && one.share > 0.04 ? { label: `${one.name} ${percent(one.share)}` } : {}),
  }));
  const says = `${first.name} takes ${percent(first.share)} of a step of ${whole(batch)} sequences; it is bound by ${first.bound}.`;
  const table = (): Table => ({
    columns: [{ name: "Operator" }, { name: "Bound" }, { name: "Share", right: true }, { name: "Time", right: true }, { name: "FLOP", right: true }, { name: "Bytes", right: true }, { name: "FLOP per byte", right: true }],
    rows: all.map((one) => [one.name, one.bound, percent(one.share), time(one.seconds), prefixed(one.flops, "FLOP"), bytes(one.bytes), one.bytes ? figures(one.intensity) : "–"]),
  });
  const where = `${curves.model_name.split("/").pop() ?? ""}, ${curves.system_name}, ${curves.layout_label.toUpperCase()}`;
  return (
    <section aria-label="Operators" class={asked.stale ? "stale" : ""}>
      <Note asked={asked} />
      <h1 class="answer">
        {room < 1 ? "Memory does not hold one sequence; if it did, one alone: " : `At a batch of ${whole(batch)}, `}<b>{first.name}</b> takes <Num name="step">{percent(first.share)}</Num> of each step and is bound by {first.bound}; arithmetic would bind from <Num name="ridge">{whole(ridge)} FLOP per byte</Num> on.
      </h1>
      <p class="because">{percent(memory)} of the step is spent on operators that wait for memory. Solid: more than 4 % of the step. Dots below the roof lose to launches and to what kernels do not reach.</p>
      <Figure name="Operators under the roof" stamp={where} table={table} data={{ scenario: curvesOf(now), operators: all }} dim={asked.stale} source={<><span>One chip; FLOP and bytes of its busiest rank. Peak rates and bandwidth from the catalogue.</span><span>{where}</span></>}>
        {(width) => (
          <XYChart id="operators" width={width} height={innerWidth <= 900 ? 320 : 420} margin={70} says={says}
            x={{ kind: "log", domain: x, text: (value) => figures(value), name: "FLOP per byte moved (log)" }}
            y={{ kind: "log", domain: y, text: (value) => prefixed(value, "", 1), name: "Arithmetic reached", unit: "FLOP/s, log" }}
            series={rates.map(([name, rate], at) => ({ key: name, look: at === 0 ? "result" : "line-3", ...(at ? { dash: "4 3" } : {}), label: name, points: logSpace(x[0], x[1], 60).map((value) => [value, Math.max(y[0], roof(curves, rate, value))] as const) }))}
            rules={[{ key: "ridge", axis: "x", at: ridge, label: `ridge ${whole(ridge)}` }]}
            dots={dots} />
        )}
      </Figure>
      <div class="controls">
        <Slider id="batch" name="Batch" unit="sequences" value={now.b} low={1} high={Math.max(8, 2 ** Math.ceil(Math.log2(Math.max(room, 8))))} text={whole} ends={["1", whole(Math.max(room, 8))]}
          clamped={now.b > room ? `asked, ${whole(room)} fit` : undefined} onDrag={(b) => drag({ b })} onCommit={(b) => commit({ b })} />
        <Slider id="context" name="Context" unit="tokens" value={Math.round(context)} low={Math.ceil(curves.axes.context_low)} high={Math.floor(curves.axes.context_high)} text={whole}
          ends={[whole(curves.axes.context_low), whole(curves.axes.context_high)]} onDrag={(c) => drag({ c })} onCommit={(c) => commit({ c })} />
      </div>
    </section>
  );
}

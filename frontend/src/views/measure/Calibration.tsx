/** What a fit to these results would change: errors before and after, on results that it had not seen. */

import type { JSX } from "preact";

import { Note } from "../../app/Note";
import type { Answered } from "../../api/useAnswer";
import { DataTable } from "../../charts/Figure";
import { percent, times } from "../../numbers/format";
import type { Calibrated } from "./types";

const NAMES: Record<string, string> = { tpot: "Time per token", ttft: "First token", throughput: "Throughput" };

export function Calibration({ asked, name }: { asked: Answered<Calibrated>; name: string }): JSX.Element {
  const found = asked.answer?.calibration;
  const moved = found?.factors.filter((one) => one.moved) ?? [];
  return (
    <section class="block" aria-label="Calibration">
      <h2>Calibrated on {name}</h2>
      {!found && (asked.problem ? <p class="small">Not calibrated: {asked.problem.detail || asked.problem.title}</p> : <Note asked={asked} doing="Fitting" />)}
      {found && <p class="small">{found.sentence}</p>}
      {found && (
        <DataTable name="errors before and after" table={{
          columns: [{ name: "Quantity" }, { name: "results", right: true }, { name: "as shipped", right: true }, { name: "fitted", right: true }, { name: "on results left out", right: true }, { name: "80 % range before", right: true }, { name: "after", right: true }],
          rows: found.widths.map((one) => [NAMES[one.metric] ?? one.metric, one.n, percent(one.shipped_error), percent(one.fitted_error), percent(one.held_out_error), `÷${times(Math.exp(one.shipped_width)).slice(1)} to ${times(Math.exp(one.shipped_width))}`, `÷${times(Math.exp(one.width)).slice(1)} to ${times(Math.exp(one.width))}`]),
        }} />
      )}
      {moved.length > 0 && <p class="small">What moved: {moved.map((one) => `${one.words} ${times(one.value)}`).join(", ")}. Keep it with <code>tokenroof calibrate {name} --save mine</code>, then <code>--efficiency mine</code>.</p>}
    </section>
  );
}

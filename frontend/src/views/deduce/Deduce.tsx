/** From a public price sheet back to what the model can be: never a point alone. */

import type { JSX } from "preact";

import { Note, Pending } from "../../app/Note";
import { useAnswer } from "../../api/useAnswer";
import { DataTable, Figure, type Table } from "../../charts/Figure";
import { opening, type Cell } from "../../charts/table";
import { XYChart, type Dot } from "../../charts/XYChart";
import { Num } from "../../explain/Num";
import { factKey } from "../../explain/numbers";
import { bytes, figures, percent, scaled, time, whole } from "../../numbers/format";
import { state } from "../../state/store";
import { Evidence } from "./Evidence";
import { Regions } from "./Regions";
import { Sources } from "./Sources";
import { estimateOf, type Deduced } from "./types";

const NEAR = 0.8; // credible level of the joint region; they come nearest first
const X: [number, number] = [1e9, 1.2e12];
const Y: [number, number] = [5e3, 2e6];
const LANDMARKS = new Set(["llama-3.1-405b", "deepseek-r1", "gpt-oss-120b", "qwen3-235b-a22b", "kimi-k2", "falcon-180b", "palm-540b"]);

function dotsOf(answer: Deduced): Dot[] {
  const named = new Set(answer.neighbours.filter((one) => one.level <= NEAR).slice(0, 5).map((one) => one.model));
  return answer.neighbours.map((one) => {
    const shown = named.has(one.model) || LANDMARKS.has(one.model);
    return { key: one.model, x: one.truth["active_params"] ?? NaN, y: one.truth["kv_bytes_per_token"] ?? NaN, kind: shown ? ("solid" as const) : ("faint" as const), ...(shown ? { label: one.model } : {}) };
  });
}

function Facts({ answer }: { answer: Deduced }): JSX.Element {
  const show = (value: number | null, unit: string): string => (value === null ? "–" : unit === "param" ? scaled(value) : unit.startsWith("B") ? bytes(value) : unit === "s" ? time(value) : figures(value));
  return (
    <section class="block" aria-label="Each fact alone">
      <h2>What each fact says alone</h2>
      <DataTable name="deductions one by one" table={{
        columns: [{ name: "Fact" }, { name: "Quantity" }, { name: "Low", right: true }, { name: "Point", right: true }, { name: "High", right: true }, { name: "Formula" }],
        rows: answer.deductions.map((one, at) => {
          const open = (value: number | null): Cell => (value === null || answer.deductions.findIndex((other) => other.name === one.name) < at ? show(value, one.unit) : opening(factKey(one.name), show(value, one.unit)));
          return [one.name, one.quantity, open(one.low), open(one.point), open(one.high), one.formula];
        }),
      }} />
    </section>
  );
}

export function Deduce(): JSX.Element {
  const now = state.value;
  const asked = useAnswer<Deduced>("/api/v1/deduce", { offer: now.offer }, { streamed: true });
  const { answer } = asked;
  const active = answer && estimateOf(answer, "active_params");
  const total = answer && estimateOf(answer, "total_params");
  const cache = answer && estimateOf(answer, "kv_bytes_per_token");
  const density = answer?.densities.find((one) => one.names[0] === "active_params" && one.names[1] === "kv_bytes_per_token");
  if (!answer || !active || !cache || !density) return <Pending asked={asked} name="Deduce" doing="Drawing" />;
  const line = answer.offer.lines[0];
  const closed = answer.notes.some((note) => note.startsWith("closed weights"));
  // what the sheet shows and nobody reads stands beside, fact by fact
  const notes = answer.notes.filter((note) => !note.startsWith("closed weights") && !note.startsWith("read alone"));
  const sign = answer.offer.currency === "USD" ? "$" : `${answer.offer.currency} `;
  const says = `Four times in five ${answer.offer.name} has ${scaled(active.low80, 2)} to ${scaled(active.high80, 2)} active parameters and ${bytes(cache.low80, 2)} to ${bytes(cache.high80, 2)} of cache a token.`;
  const table = (): Table => ({
    columns: [{ name: "Quantity" }, { name: "10 %", right: true }, { name: "25 %", right: true }, { name: "median", right: true }, { name: "75 %", right: true }, { name: "90 %", right: true }, { name: "before, 80 %", right: true }, { name: "width left", right: true }],
    rows: answer.estimates.map((one) => [one.name.replace(/_/g, " "), ...[one.low80, one.low50, one.median, one.high50, one.high80].map((value) => opening(`d-${one.name}`, scaled(value, 2))), `${scaled(one.prior_low80, 2)} to ${scaled(one.prior_high80, 2)}`, percent(one.width_left)]),
  });
  return (
    <section aria-label="Deduce" class={asked.stale ? "stale" : ""}>
      <Note asked={asked} doing="Drawing" />
      <h1 class="answer">
        {line && <>At {sign}{figures(line.input_per_mtok)} in and {sign}{figures(line.output_per_mtok)} out, </>}{answer.offer.name} runs <Num name="d-active_params">{scaled(active.low50, 2)} to {scaled(active.high50, 2)}</Num> active parameters at even odds.
      </h1>
      <p class="because">
        {closed ? "Read it as a cap: how much the seller marks up is hardly known. " : ""}Four times in five: <Num name="d-active_params">{scaled(active.low80, 2)} to {scaled(active.high80, 2)}</Num> active{total && <>, <Num name="d-total_params">{scaled(total.low80, 2)} to {scaled(total.high80, 2)}</Num> in all</>}. {notes.map((note) => ` ${note.charAt(0).toUpperCase()}${note.slice(1)}.`).join("")}
      </p>
      <div class="two">
        <Figure name="Active parameters against cache per token" stamp={`${answer.offer.id}, ${answer.offer.origin.as_of}`} table={table} data={answer} dim={asked.stale} source={<span>{whole(answer.neighbours.length)} open models; named: the nearest, and landmarks. {answer.offer.origin.source}, {answer.offer.origin.as_of}. {scaled(answer.health.draws)} draws, {scaled(answer.health.ess)} effective.</span>}>
          {(width) => (
            <XYChart id="deduce" width={width} height={innerWidth <= 900 ? 340 : 460} margin={20} says={says}
              x={{ kind: "log", domain: X, text: (value) => scaled(value), name: "active parameters (log)" }}
              y={{ kind: "log", domain: Y, text: (value) => bytes(value), name: "KV cache per token", unit: "bytes, log" }}
              under={(sheet) => <Regions sheet={sheet} density={density} />} dots={dotsOf(answer)} />
          )}
        </Figure>
        <Evidence answer={answer} />
      </div>
      <Sources answer={answer} />
      <Facts answer={answer} />
    </section>
  );
}

/** Each unknown three times: before the facts, after them, and by a regression on prices alone. */

import type { JSX } from "preact";

import { log } from "../../charts/scales";
import { Num } from "../../explain/Num";
import { bytes, scaled } from "../../numbers/format";
import { estimateOf, type Deduced, type Estimate } from "./types";

const ASKED: readonly (readonly [string, string])[] = [["active_params", "Active parameters"], ["total_params", "All parameters"], ["kv_bytes_per_token", "Cache per token"]];
const WIDTH = 420;
/** Below this, in widths and in shifts of the prior, the facts moved nothing. */
const MOVED = { width: 0.9, shift: 0.15 };

const OF_SIZE = "nothing tells the KV cache";

/** What is only assumed of an unknown: all of it, or its cache at the size that the facts speak of; "" where they do. */
export function assumedOf(one: Estimate, answer: Deduced): string {
  if (one.width_left > MOVED.width && Math.abs(one.shift) < MOVED.shift) return "prior";
  return one.name === "kv_bytes_per_token" && answer.sentence.includes(OF_SIZE) ? "prior for such a size" : "";
}

function Row({ name, answer, id }: { name: string; id: string; answer: Deduced }): JSX.Element | null {
  const one = estimateOf(answer, id);
  if (!one) return null;
  const beside = answer.regression.find((row) => row.name === id);
  const assumed = assumedOf(one, answer);
  const show = (value: number): string => (one.unit.startsWith("B") ? bytes(value, 2) : scaled(value, 2));
  const bars = [
    { key: "before", look: "before", low: one.prior_low80, median: one.prior_median, high: one.prior_high80 },
    { key: "after", look: assumed === "prior" ? "before" : "after", low: one.low80, median: one.median, high: one.high80 },
    ...(beside ? [{ key: "regression", look: "beside", low: beside.low80, median: beside.median, high: beside.high80 }] : []),
  ];
  const x = log([Math.min(...bars.map((bar) => bar.low)), Math.max(...bars.map((bar) => bar.high))], [6, WIDTH - 6]);
  return (
    <div class="source-row">
      <h3>{name}{assumed && <span class="assumed-mark">{id === "kv_bytes_per_token" ? `KV: ${assumed}` : `assumed: ${assumed}`}</span>}</h3>
      {bars.map((bar) => (
        <div class="source-bar" key={bar.key}>
          <span>{bar.key}</span>
          <svg viewBox={`0 0 ${WIDTH} 16`} preserveAspectRatio="none" aria-hidden="true">
            <line class={`source-${bar.look}`} x1={x(bar.low)} x2={x(bar.high)} y1="8" y2="8" />
            <line class="source-median" x1={x(bar.median)} x2={x(bar.median)} y1="2" y2="14" />
          </svg>
          <b><Num name={bar.key === "regression" ? `d-regression_${id}` : `d-${id}`}>{show(bar.low)} to {show(bar.high)}</Num></b>
        </div>
      ))}
    </div>
  );
}

export function Sources({ answer }: { answer: Deduced }): JSX.Element {
  return (
    <section class="block" aria-label="Before, after and beside">
      <h2>Before the facts, after them, and the regression beside</h2>
      <p class="small">80 % of each; a stroke at the median. The regression knows prices of open models and no physics; where it and the joint disagree, the mark-up is why.</p>
      <div class="source-rows">{ASKED.map(([id, name]) => <Row key={id} id={id} name={name} answer={answer} />)}</div>
    </section>
  );
}

/** What each fact does: one row for each, a step from ×1, "nothing" where it moves little. */

import type { JSX } from "preact";

import { log } from "../../charts/scales";
import { Num } from "../../explain/Num";
import { times } from "../../numbers/format";
import type { Deduced } from "./types";

const NAMES: Record<string, string> = {
  input_price: "Input price", output_ratio: "Output over input", cached_ratio: "Cached over input", long_context: "Long context", storage: "Storage",
  fast_mode: "Fast mode", spare_capacity: "Batch discount", host_floor: "Prices of hosts", speed: "Measured speed",
};
const LITTLE = 0.07;

/** Facts on the sheet that move no interval: what the joint takes for them is assumed. */
function unread(answer: Deduced): string[] {
  const moved = new Set(answer.moved.map((one) => one.channel));
  return [...new Set(answer.deductions.map((one) => one.channel))].filter((one) => !moved.has(one));
}

export function Evidence({ answer }: { answer: Deduced }): JSX.Element {
  const rows = [...answer.moved].map((one) => ({ ...one, factor: one.median_factor["active_params"] ?? 1 })).sort((a, b) => Math.abs(Math.log(b.factor)) - Math.abs(Math.log(a.factor)));
  const reach = Math.max(2, ...rows.map((one) => Math.max(one.factor, 1 / one.factor))) * 1.35;
  const x = log([1 / reach, reach], [14, 146]);
  const step = [2, 5, 10, 100, 1000].find((one) => x(one) - x(1) >= 30) ?? 1000;
  return (
    <section class="evidence" aria-label="What each fact does">
      <h2 class="block-title">What each fact does to <Num name="d-active_params">active parameters</Num></h2>
      <div class="evidence-row evidence-head">
        <small>median with it over without</small>
        <svg width="190" height="32" aria-hidden="true">{[1 / step, 1, step].map((value) => <text key={value} class="tick" x={x(value)} y="24" text-anchor="middle">{value < 1 ? `÷${step}` : `×${value}`}</text>)}</svg>
      </div>
      {rows.map((one) => {
        const still = Math.abs(Math.log(one.factor)) < LITTLE;
        const right = still || one.factor > 1;
        return (
          <div class="evidence-row" key={one.channel}>
            <span>{NAMES[one.channel] ?? one.channel.replace(/_/g, " ")}<small>{one.shown}</small></span>
            <svg width="190" height="32" role="img" aria-label={still ? "moves nothing" : times(one.factor)}>
              <line class="axis" x1={x(1)} x2={x(1)} y1="-8" y2="40" />
              {!still && <line class="evidence-bar" x1={x(1)} x2={x(one.factor)} y1="16" y2="16" />}
              <circle class={still ? "open-dot" : "solid"} cx={x(one.factor)} cy="16" r="5" />
              <text class="strong" x={x(one.factor) + (right ? 11 : -11)} y="20" text-anchor={right ? "start" : "end"}>{still ? "nothing" : times(one.factor)}</text>
            </svg>
          </div>
        );
      })}
      {unread(answer).map((channel) => (
        <div class="evidence-row evidence-assumed" key={channel}>
          <span>{NAMES[channel] ?? channel.replace(/_/g, " ")}<small>read alone, not in the intervals</small></span>
          <span><span class="assumed-mark">assumed</span></span>
        </div>
      ))}
      {answer.skipped.length > 0 && <p class="note">Would say more: {answer.skipped.map((one) => one.channel.replace(/_/g, " ")).join(", ")}.</p>}
    </section>
  );
}

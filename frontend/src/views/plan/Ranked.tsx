/** The ranked deployments, and why each is not the pick. */

import type { JSX } from "preact";

import { dollars, figures, percent, time, whole } from "../../numbers/format";
import type { Yours } from "./Frontier";
import { equal, shown, worse, type Deployment, type Machine } from "./types";

/** The reason a deployment lost, from the numbers of both. */
function why(one: Deployment, pick: Deployment): string {
  if (one.mode !== pick.mode) return one.mode === "disagg" ? "prompts and answers on GPUs of their own" : "prompts and answers share GPUs";
  const fewer = 1 - one.concurrency / pick.concurrency;
  const parts: string[] = [];
  if (Math.abs(fewer) >= 0.01) parts.push(`${figures(Math.abs(fewer) * 100, 2)} % ${fewer > 0 ? "fewer" : "more"} users fit its ${one.limit}`);
  if (one.kv !== pick.kv) parts.push(`keeps the cache in ${one.kv}`);
  if (one.weights !== pick.weights) parts.push(`weights in ${one.weights}`);
  if (worse(one, pick) < 0) parts.push("cheaper, but by less than the error; its formats are not the checkpoint's own");
  return parts.join("; ") || "the same within rounding";
}

function Row({ one, pick, look }: { one: Deployment; pick: Deployment; look: string }): JSX.Element {
  const more = worse(one, pick);
  return (
    <tr class={look}>
      <th scope="row">{shown(one.label)}{one.mode === "disagg" ? ", split" : ""}</th>
      <td>{one.weights}/{one.kv}</td>
      <td class="r"><b>{dollars(one.usd_per_mtok_output)}</b></td>
      <td class="r">{one === pick ? "–" : `${more > 0 ? "+" : "−"}${figures(Math.abs(more) * 100, 2)} %`}</td>
      <td class="r">{time(one.tpot_s)}</td>
      <td class="r">{time(one.ttft_s, 3)}</td>
      <td class="r">{whole(one.concurrency)}</td>
      <td class="r">{percent(one.margins["memory"])}</td>
      <td class="wrap">{one === pick ? `the pick; held back by ${one.limit}` : why(one, pick)}</td>
    </tr>
  );
}

/** What runs today, at its own fullest batch within the limit. */
function YoursRow({ yours, pick }: { yours: Yours; pick: Deployment }): JSX.Element {
  const more = yours.usd && pick.usd_per_mtok_output ? yours.usd / pick.usd_per_mtok_output - 1 : null;
  return (
    <tr class="yours">
      <th scope="row">{yours.label}</th><td />
      <td class="r"><b>{dollars(yours.usd)}</b></td>
      <td class="r">{more === null ? "–" : `${more > 0 ? "+" : "−"}${figures(Math.abs(more) * 100, 2)} %`}</td>
      <td class="r">{time(yours.tpot_s)}</td><td class="r">–</td><td class="r">{whole(yours.users)}</td><td class="r">–</td>
      <td class="wrap">yours: {figures(Math.abs(1 - yours.users / pick.concurrency) * 100, 2)} % {yours.users < pick.concurrency ? "fewer" : "more"} users</td>
    </tr>
  );
}

export function Ranked({ machine, pick, yours }: { machine: Machine; pick: Deployment; yours: Yours | null }): JSX.Element {
  const same = machine.runner_ups.filter((one) => equal(one, pick, machine.equal_within));
  const rest = machine.runner_ups.filter((one) => !same.includes(one));
  const { search } = machine;
  return (
    <>
      <div class="scroll block" tabIndex={0} role="region" aria-label="Ranked deployments">
        <table>
          <thead>
            <tr>
              <th scope="col">Layout</th><th scope="col">weights/KV</th><th scope="col" class="r">$ per M out</th><th scope="col" class="r">dearer by</th><th scope="col" class="r">TPOT</th>
              <th scope="col" class="r">TTFT</th><th scope="col" class="r">at once</th><th scope="col" class="r">KV free</th><th scope="col">Why not the pick</th>
            </tr>
          </thead>
          <tbody>
            <tr class="head"><th scope="rowgroup" colSpan={9}>Equal within the error <span>choose by other reasons: what you run today, what fails alone</span></th></tr>
            <Row one={pick} pick={pick} look="pick" />
            {same.map((one, at) => <Row key={at} one={one} pick={pick} look="equal" />)}
            {rest.length > 0 && <tr class="head"><th scope="rowgroup" colSpan={9}>Dearer <span>{whole(rest.length)} of many</span></th></tr>}
            {rest.map((one, at) => <Row key={at} one={one} pick={pick} look="dearer" />)}
            {yours && <YoursRow yours={yours} pick={pick} />}
          </tbody>
        </table>
      </div>
      <p class="note block-note">
        Searched {whole(search.combinations)} combinations, {whole(search.points)} operating points; {whole(search.points_met)} meet the limits.
        {search.rejected.map(([reason, count]) => ` ${whole(count)} fail by ${reason}.`).join("")}
        {search.engine_refused.map(([reason, count]) => ` The engine refuses ${whole(count)}: ${reason}.`).join("")} Equal: cost within {percent(machine.equal_within.layouts)}, for other formats {percent(machine.equal_within.formats)}.
      </p>
    </>
  );
}

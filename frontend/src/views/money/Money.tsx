/** Own machine or somebody's API: from which load on does it pay. */

import type { JSX } from "preact";

import { Choice } from "../../app/fields";
import { Note, Pending } from "../../app/Note";
import { Refused, refusedBy } from "../../app/Refused";
import { useAnswer } from "../../api/useAnswer";
import { DataTable, Figure, type Table } from "../../charts/Figure";
import { logSpace } from "../../charts/scales";
import { XYChart } from "../../charts/XYChart";
import { Num } from "../../explain/Num";
import { dollars, figures, percent, scaled, whole } from "../../numbers/format";
import { apiOf, offersOf } from "../../state/offers";
import { scenario } from "../../state/request";
import { commit, state } from "../../state/store";

interface Range { value: number; low: number; high: number }

interface BreakEven {
  economics: {
    model_name: string; system_name: string; layout_label: string; gpus: number; tokens_per_s_per_user: number; claim: string;
    machine: { kind: string; usd_per_gpu_h: number; busy_extra_usd_per_h: number; source: string };
    output_usd_per_mtok: Range; input_usd_per_mtok: Range; requests_per_s: number;
  };
  offer: string; offer_name: string; offer_as_of: string; offer_source: string;
  request_api_usd: number; request_busy_usd: Range; requests_per_s: number;
  duty_cycle: number | null; low: number | null; high: number | null;
  crossing_requests_per_s: number | null; crossing_tokens_per_day: number | null;
  sentence: string; notes: readonly string[];
  mixes: readonly { input_per_output: number; isl: number; osl: number; duty_cycle: number | null; own_usd: number | null; api_usd: number | null }[];
}

const OWNERS: readonly (readonly [string, string])[] = [["", "rented by the hour"], ["hyperscaler", "owned, as a hyperscaler buys"], ["neocloud", "owned, as a neocloud buys"]];

/** A machine that is paid for all day: what each request costs when it is busy only a part of it. */
function ownAt(answer: BreakEven, duty: number, request: number): number {
  const { machine, gpus } = answer.economics;
  // power that is drawn only while busy is not spread over idle hours
  const busy = (machine.busy_extra_usd_per_h * gpus) / 3600 / answer.requests_per_s;
  return (request - busy) / duty + busy;
}

export function Money(): JSX.Element {
  const now = state.value;
  useAnswer("/api/v1/offers", undefined);
  const [offers, offer] = [offersOf(now), apiOf(now)];
  const body = { ...scenario(now), offer, ...(now.owner ? { owner: now.owner } : {}) };
  const asked = useAnswer<BreakEven>("/api/v1/break-even", body, { settle: 250 });
  const { answer } = asked;
  const choose = (
    <div class="controls">
      <Choice id="api" name="API beside it" value={offer} options={offers.map((one) => [one, one])} onSet={(api) => commit({ api })} />
      <Choice id="owner" name="The machine is" value={now.owner} options={OWNERS} onSet={(owner) => commit({ owner })} />
    </div>
  );
  if (!answer) return <><Pending asked={asked} name="Money" />{asked.problem && choose}</>;
  const refused = refusedBy(answer);
  if (refused) return <Refused name="Money" answer={refused} />;
  const { economics } = answer;
  const duties = logSpace(0.01, 1, 50);
  const points = duties.map((duty) => [duty, ownAt(answer, duty, answer.request_busy_usd.value)] as const);
  const band = duties.map((duty) => [duty, ownAt(answer, duty, answer.request_busy_usd.low), ownAt(answer, duty, answer.request_busy_usd.high)] as const);
  const high = (points[0] as readonly [number, number])[1] * 1.3;
  const low = Math.min(answer.request_busy_usd.low, answer.request_api_usd) * 0.7;
  const crossing = answer.duty_cycle !== null && answer.duty_cycle <= 1 ? answer.duty_cycle : null;
  const says = answer.sentence;
  const table = (): Table => ({
    columns: [{ name: "Busy", right: true }, { name: "own, $ a request", right: true }, { name: "API, $ a request", right: true }],
    rows: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].map((duty) => [percent(duty), `$${figures(ownAt(answer, duty, answer.request_busy_usd.value))}`, `$${figures(answer.request_api_usd)}`]),
  });
  return (
    <section aria-label="Money" class={asked.stale ? "stale" : ""}>
      <Note asked={asked} />
      <h1 class="answer">
        {crossing !== null ? <>Your own {economics.system_name} beats the API ({answer.offer_name}) once it is busy <Num name="duty">{percent(crossing)}</Num> of the time: from <Num name="crossrate">{figures(answer.crossing_requests_per_s)} requests a second</Num>, or <Num name="crosstokens">{scaled(answer.crossing_tokens_per_day)} tokens</Num> a day.</>
          : <>{answer.offer_name} is cheaper at any load: a request costs <Num name="apiusd">${figures(answer.request_api_usd)}</Num> there and <Num name="ownusd">${figures(answer.request_busy_usd.value)}</Num> on a machine that is always busy.</>}
      </h1>
      <p class="because">
        At full load <Num name="pricein">{dollars(economics.input_usd_per_mtok.value)}</Num> in and <Num name="priceout">{dollars(economics.output_usd_per_mtok.value)}</Num> out a million tokens, at <Num name="pricetpot">{figures(economics.tokens_per_s_per_user, 2)} tokens a second</Num> for each user; {economics.machine.kind} at ${figures(economics.machine.usd_per_gpu_h)} for a GPU and hour. {answer.notes.map((note) => `${note.charAt(0).toUpperCase()}${note.slice(1)}.`).join(" ")}
      </p>
      <Figure name="Cost of a request against load" stamp={`${economics.model_name}, ${economics.system_name}`} table={table} data={answer} dim={asked.stale} source={<><span>API: {answer.offer_source}, {answer.offer_as_of}. Shaded: 80 % range.</span><span>{economics.system_name}, {economics.layout_label.toUpperCase()}</span></>}>
        {(width) => (
          <XYChart id="money" width={width} margin={100} says={says}
            x={{ kind: "log", domain: [0.01, 1], text: (value) => percent(value, 1), name: "share of the hours that it is busy (log)" }}
            y={{ kind: "log", domain: [low, high], text: (value) => figures(value, 1), name: "Cost of a request", unit: `US dollars, ${whole(now.isl)} in and ${whole(now.osl)} out, log` }}
            band={band}
            series={[
              { key: "own", look: "result", label: economics.machine.kind === "rented" ? "rented" : "owned", points },
              { key: "api", look: "line-2", dash: "7 4", label: "API", points: [[0.01, answer.request_api_usd], [1, answer.request_api_usd]] },
            ]}
            rules={crossing !== null ? [{ key: "crossing", axis: "x", at: crossing, label: `pays from ${percent(crossing)}` }] : []}
            dots={crossing !== null ? [{ key: "crossing", x: crossing, y: answer.request_api_usd, kind: "ring" }] : []} />
        )}
      </Figure>
      {choose}
      <section class="block" aria-label="Other mixes">
        <h2>Other mixes of input and output, as many tokens in all</h2>
        <DataTable name="mixes" table={{
          columns: ["in per out", "tokens in", "tokens out", "own, $", "API, $", "pays from"].map((name) => ({ name, right: true })),
          rows: answer.mixes.map((one) => [figures(one.input_per_output, 2), whole(one.isl), whole(one.osl), one.own_usd === null ? "–" : `$${figures(one.own_usd)}`, one.api_usd === null ? "–" : `$${figures(one.api_usd)}`, one.duty_cycle === null ? "–" : one.duty_cycle > 1 ? "never" : percent(one.duty_cycle)]),
        }} />
      </section>
    </section>
  );
}

/** Requests one by one through the engine's scheduler: percentiles, and what happened over time. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { DropZone } from "../measure/DropZone";
import { Note, NotePlain, Pending } from "../../app/Note";
import { Refused, refusedBy } from "../../app/Refused";
import { upload, type Uploaded } from "../../api/upload";
import { asProblem, useAnswer } from "../../api/useAnswer";
import { DataTable, Figure, type Table } from "../../charts/Figure";
import { ceiling } from "../../charts/scales";
import { XYChart } from "../../charts/XYChart";
import { Slider } from "../../controls/Slider";
import { figures, percent, time, whole } from "../../numbers/format";
import { deployment, layout, lengths } from "../../state/request";
import { commit, drag, state } from "../../state/store";
import { thinned, type Simulated } from "./types";

/** A trace is held here only: what was uploaded never stands in a link. */
let held: Uploaded | null = null;

function percentiles(answer: Simulated): Table {
  const rows = ([["TTFT", answer.ttft], ["TPOT", answer.tpot], ["ITL", answer.itl], ["E2E", answer.e2e]] as const).filter(([, one]) => one !== null);
  return {
    columns: [{ name: "Latency" }, ...["mean", "p50", "p90", "p99"].map((name) => ({ name, right: true })), { name: "closed form, mean", right: true }],
    rows: rows.map(([name, one]) => {
      const form = answer.closed_form;
      const stated = form ? { TTFT: form.ttft_s, TPOT: form.tpot_s, ITL: form.tpot_s, E2E: form.e2e_s }[name] : null;
      return [name, ...(one ? [one.mean, one.p50, one.p90, one.p99].map((value) => time(value, 3)) : []), form?.saturated ? "saturated" : time(stated, 3)];
    }),
  };
}

export function Simulate(): JSX.Element {
  const now = state.value;
  const [trace, setTrace] = useState<Uploaded | null>(held);
  const [fault, setFault] = useState("");
  const load = trace ? { trace: trace.id } : { request_rate: now.rate, ...lengths(now), requests: 1000 };
  const asked = useAnswer<Simulated>("/api/v1/simulate", { ...deployment(now), ...layout(now), ...load }, { streamed: true, settle: 350 });
  const { answer } = asked;

  async function take(file: File): Promise<void> {
    setFault("");
    try {
      held = await upload(file);
      setTrace(held);
    } catch (error) {
      const problem = asProblem(error);
      setFault(`${problem.title} ${problem.detail}`);
    }
  }
  const controls = (
    <>
      {!trace && (
        <div class="controls">
          <Slider id="rate" name="Requests" unit="a second" value={now.rate} low={0.05} high={200} text={(value) => figures(value)} round={(value) => Number(value.toPrecision(2))} ends={["0.05", "200"]} onDrag={(rate) => drag({ rate })} onCommit={(rate) => commit({ rate })} />
          <Slider id="isl" name="Tokens in" unit="tokens" value={now.isl} low={16} high={131072} text={whole} ends={["16", "131,072"]} onDrag={(isl) => drag({ isl })} onCommit={(isl) => commit({ isl })} />
          <Slider id="osl" name="Tokens out" unit="tokens" value={now.osl} low={2} high={32768} text={whole} ends={["2", "32,768"]} onDrag={(osl) => drag({ osl })} onCommit={(osl) => commit({ osl })} />
        </div>
      )}
      {trace ? <p class="small">Trace {trace.name}, {whole(trace.bytes)} bytes. <button type="button" class="button" onClick={() => { held = null; setTrace(null); }}>Use arrivals at random</button></p>
        : <DropZone name="A trace of your own" hint="JSON Lines or CSV with a time, tokens in and tokens out; read on this machine only." onFile={(file) => void take(file)} />}
      {fault && <NotePlain>{fault}</NotePlain>}
    </>
  );
  if (!answer) return <><Pending asked={asked} name="Simulate" doing="Simulating" />{asked.problem && controls}</>;
  const refused = refusedBy(answer);
  if (refused) return <><Refused name="Simulate" answer={refused} />{controls}</>;
  const { series } = answer;
  const end = Math.max(1, series.batch.length * series.width_s);
  const [unit, name] = end > 7200 ? [3600, "hours"] : end > 120 ? [60, "minutes"] : [1, "seconds"];
  const running = thinned(series.running, series.width_s / unit);
  const waiting = thinned(series.waiting, series.width_s / unit);
  const fill = thinned(series.kv_fill, series.width_s / unit);
  const most = ceiling(Math.max(1, ...running.map(([, value]) => value), ...waiting.map(([, value]) => value)));
  const x = { kind: "linear" as const, domain: [0, end / unit] as [number, number], text: (value: number) => figures(value), name: `time, ${name}` };
  return (
    <section aria-label="Simulate" class={asked.stale ? "stale" : ""}>
      <Note asked={asked} doing="Simulating" />
      {asked.cancelled && <NotePlain>Cancelled; this is the last answer. <button type="button" class="button" onClick={asked.retry}>Simulate again</button></NotePlain>}
      <h1 class="answer">
        At {figures(answer.request_rate)} requests a second, half wait less than <b>{time(answer.ttft.p50)}</b> for the first token and one in a hundred more than <b>{time(answer.ttft.p99)}</b>; a token takes {time(answer.tpot?.p50)}.
      </h1>
      <p class="because">{answer.overload ?? `The cache fills to ${percent(answer.kv_fill_most)} at most and ${answer.waiting_most === 1 ? "one request waits" : `${whole(answer.waiting_most)} requests wait`} at worst.`} {whole(answer.counted)} of {whole(answer.requests)} requests count; the first are warm-up. {answer.warnings.join(" ")}</p>
      <Figure name="Requests over time" stamp={`${answer.model_name}, ${answer.system_name}, ${answer.source}`} table={() => percentiles(answer)} data={answer} dim={asked.stale} source={<><span>{answer.source}. Each point: the most within its stretch of time.</span><span>{answer.system_name}, {answer.layout_label.toUpperCase()}</span></>}>
        {(width) => (
          <>
            <div class="panel-box">
              <XYChart id="simulate-requests" left={44} width={width} height={220} says={answer.sentence} x={{ ...x, name: "" }} y={{ kind: "linear", domain: [0, most], text: whole, name: "Requests", unit: "running and waiting" }}
                series={[{ key: "running", look: "line-1", label: "running", points: running }, { key: "waiting", look: "line-2", dash: "2 3", label: "waiting", points: waiting }]} />
            </div>
            <div class="panel-box">
              <XYChart id="simulate-cache" left={44} width={width} height={200} says={`The cache fills to ${percent(answer.kv_fill_most)}.`} x={x} y={{ kind: "linear", domain: [0, 1], text: (value) => percent(value), name: "KV cache filled", unit: "share of the pool" }}
                series={[{ key: "fill", look: "line-kv", label: "KV cache", points: fill }]} />
            </div>
          </>
        )}
      </Figure>
      {controls}
      <section class="block" aria-label="Percentiles"><h2>Percentiles</h2><DataTable name="percentiles" table={percentiles(answer)} /></section>
    </section>
  );
}

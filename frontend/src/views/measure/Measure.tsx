/** Drop a result file: is it as predicted, where the gap is, and what would help. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Note, NotePlain } from "../../app/Note";
import { upload, type Uploaded } from "../../api/upload";
import { asProblem, useAnswer } from "../../api/useAnswer";
import { DataTable, Figure, type Table } from "../../charts/Figure";
import { XYChart } from "../../charts/XYChart";
import { figures, percent, time, whole } from "../../numbers/format";
import { DropZone } from "./DropZone";
import type { Compared, ComparedNumber, ComparedRun } from "./types";

const HINT = "JSON, JSON Lines or CSV of vLLM bench serve, SGLang bench_serving, genai-perf, AIPerf, InferenceX, guidellm and others; read on this machine only, never in a link.";

/** One complete result, so that the view can be tried without a benchmark. */
const EXAMPLE = JSON.stringify({
  date: "20261101-120000", backend: "vllm", model_id: "meta-llama/Llama-3.1-8B-Instruct", num_prompts: 640, max_concurrency: 64, completed: 640,
  duration: 102.4, total_input_tokens: 655360, total_output_tokens: 163840, request_throughput: 6.25, output_throughput: 1600.0,
  mean_ttft_ms: 210.0, median_ttft_ms: 190.0, p99_ttft_ms: 610.0, mean_tpot_ms: 34.0, median_tpot_ms: 33.5, p99_tpot_ms: 41.0,
});

const inUnit = (one: ComparedNumber, value: number): string => (/tpot|ttft|e2e|itl|latency/.test(one.quantity) ? time(value, 3) : figures(value));

function Numbers({ run }: { run: ComparedRun }): JSX.Element {
  return (
    <DataTable name="measured beside predicted" table={{
      columns: [{ name: "Quantity" }, { name: "measured", right: true }, { name: "predicted", right: true }, { name: "80 % range", right: true }, { name: "off by", right: true }, { name: "Verdict" }],
      rows: run.numbers.map((one) => [one.metric || one.quantity, inUnit(one, one.measured), inUnit(one, one.predicted.value), `${inUnit(one, one.predicted.low)} to ${inUnit(one, one.predicted.high)}`, `${one.predicted.value > one.measured ? "+" : "−"}${figures(Math.abs(one.predicted.value / one.measured - 1) * 100, 2)} %`, one.verdict]),
    }} />
  );
}

function Gap({ parts, name }: { parts: ComparedRun["tpot_parts"]; name: string }): JSX.Element | null {
  if (parts.length === 0) return null;
  const most = Math.max(...parts.map((part) => Math.abs(part.time_s)));
  return (
    <section class="block" aria-label={name}>
      <h2>{name}</h2>
      {parts.map((part) => (
        <div class="gap-row" key={part.name}>
          <span>{part.name}<small>{part.evidence}</small></span>
          <svg viewBox="0 0 200 12" preserveAspectRatio="none" aria-hidden="true"><rect class="bar-fill" x="0" y="2" width={(Math.abs(part.time_s) / most) * 200} height="8" /></svg>
          <b>{part.time_s < 0 ? "−" : ""}{time(Math.abs(part.time_s), 3)}</b>
        </div>
      ))}
    </section>
  );
}

function Curve({ answer }: { answer: Compared }): JSX.Element | null {
  const curve = answer.curve ?? [];
  const dots = answer.runs.flatMap((run) => {
    const tpot = run.numbers.find((one) => one.quantity === "tpot");
    return tpot ? [{ key: `${run.file}${run.line}`, x: Math.max(1, run.running), y: tpot.measured * 1000, kind: "diamond" as const, label: run.load }] : [];
  });
  if (curve.length < 2) return null;
  const xs = [...curve.map((one) => one.concurrency), ...dots.map((one) => one.x)];
  const ys = [...curve.flatMap((one) => [one.tpot.low * 1000, one.tpot.high * 1000]), ...dots.map((one) => one.y)];
  const x: [number, number] = [Math.max(0.9, Math.min(...xs)), Math.max(...xs) * 1.1];
  const y: [number, number] = [Math.min(...ys) * 0.8, Math.max(...ys) * 1.2];
  const table = (): Table => ({ columns: [{ name: "At once", right: true }, { name: "TPOT", right: true }, { name: "from", right: true }, { name: "to", right: true }], rows: curve.map((one) => [whole(one.concurrency), time(one.tpot.value), time(one.tpot.low), time(one.tpot.high)]) });
  return (
    <Figure name="Time per token, predicted and yours" stamp={answer.sentence} table={table} data={answer} source={<span>◇ yours. Shaded: 80 % range of the prediction.</span>}>
      {(width) => (
        <XYChart id="measure" width={width} says={answer.sentence} x={{ kind: "doublings", domain: x, text: whole, name: "requests decoded at once (log)" }} y={{ kind: "log", domain: y, text: (value) => figures(value), name: "Time per output token", unit: "milliseconds, log" }}
          band={curve.map((one) => [one.concurrency, one.tpot.low * 1000, one.tpot.high * 1000] as const)} series={[{ key: "predicted", look: "result", label: "predicted", points: curve.map((one) => [one.concurrency, one.tpot.value * 1000] as const) }]} dots={dots} />
      )}
    </Figure>
  );
}

export function Measure(): JSX.Element {
  const [file, setFile] = useState<Uploaded | null>(null);
  const [system, setSystem] = useState("");
  const [fault, setFault] = useState("");
  const asked = useAnswer<Compared>("/api/v1/compare", { results: [file?.id ?? ""], ...(system ? { system } : {}) }, { off: file === null, settle: 50 });
  const answer = file ? asked.answer : undefined;

  async function take(dropped: File): Promise<void> {
    setFault("");
    try {
      setFile(await upload(dropped));
    } catch (error) {
      const problem = asProblem(error);
      setFile(null);
      setFault(`${dropped.name}: ${problem.detail || problem.title}`);
    }
  }
  const run = answer?.runs[0];
  return (
    <section aria-label="Measure">
      <h1 class="answer">{answer ? answer.sentence : "Drop a benchmark's result file: is it as fast as it should be, and if not, where is the gap?"}</h1>
      <p class="because">{run ? <>{run.what}, {run.load}{run.roofline?.mbu ? `; ${percent(run.roofline.mbu)} of the memory's bandwidth (MBU)` : ""}{run.roofline?.mfu ? `, ${percent(run.roofline.mfu)} of the arithmetic (MFU)` : ""}.</> : "Each number stands beside its prediction and its 80 % range. What beats the hardware's bound is called impossible."}</p>
      {file && <Note asked={asked} />}
      {fault && <div class="notebar" role="alert"><span><b>This file cannot be used.</b> {fault}</span></div>}
      {asked.problem && file && <NotePlain>{file.name} was read, but not understood. Say on which machine it ran, or try another file.</NotePlain>}
      {answer && <Curve answer={answer} />}
      {run && <section class="block" aria-label="Numbers"><h2>Measured beside predicted</h2><Numbers run={run} /></section>}
      {run && <Gap parts={run.tpot_parts} name="Where a token's time goes" />}
      {run && <Gap parts={run.ttft_parts} name="Where the first token's time goes" />}
      {answer?.hints && answer.hints.length > 0 && <section class="block" aria-label="Patterns"><h2>What it looks like</h2>{answer.hints.map((one) => <p class="small" key={one.pattern}><b>{one.pattern}:</b> {one.text}</p>)}</section>}
      {answer?.changes && answer.changes.length > 0 && (
        <section class="block" aria-label="What would help"><h2>What would help</h2>
          <DataTable name="changes" table={{ columns: [{ name: "Change" }, { name: "TPOT", right: true }, { name: "TTFT", right: true }, { name: "output", right: true }, { name: "sure" }], rows: answer.changes.map((one) => [one.what, `×${figures(one.tpot_ratio)}`, `×${figures(one.ttft_ratio)}`, `×${figures(one.output_ratio)}`, one.within_error ? "within the error" : "beyond the error"]) }} />
        </section>
      )}
      {answer && answer.runs.length > 1 && (
        <section class="block" aria-label="All runs"><h2>All {whole(answer.runs.length)} runs, the worst first</h2>
          <DataTable name="runs" table={{ columns: [{ name: "Run" }, { name: "Load" }, { name: "Verdict" }], rows: answer.runs.map((one) => [`${one.file}:${one.line}`, one.load, one.numbers[0]?.verdict ?? one.reason]) }} />
        </section>
      )}
      <div class="block">
        <DropZone name={file ? "Another result file" : "Result file"} hint={HINT} onFile={(dropped) => void take(dropped)} />
        <div class="row">
          <label class="small" for="measure-system">Ran on </label>
          <input id="measure-system" class="box narrow" placeholder="as the file says, or 8xh100" value={system} onChange={(event) => setSystem(event.currentTarget.value.trim())} />
          {!file && <button type="button" class="button" onClick={() => { setSystem("h100"); void take(new File([EXAMPLE], "example-vllm.json")); }}>Try an example</button>}
        </div>
      </div>
    </section>
  );
}

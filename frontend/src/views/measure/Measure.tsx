/** Drop a result file: is it as predicted, where the gap is, and what would help. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Note, NotePlain } from "../../app/Note";
import { upload, type Uploaded } from "../../api/upload";
import { asProblem, useAnswer } from "../../api/useAnswer";
import { DataTable, Figure, type Table } from "../../charts/Figure";
import { XYChart } from "../../charts/XYChart";
import { useTyped } from "../../controls/typed";
import { figures, percent, time, whole } from "../../numbers/format";
import { DropZone } from "./DropZone";
import { Calibration } from "./Calibration";
import type { Calibrated, Compared, ComparedNumber, ComparedRun, CurvePoint } from "./types";

const HINT = "JSON, JSON Lines or CSV of vLLM bench serve, SGLang bench_serving, genai-perf, AIPerf, InferenceX, guidellm and others; read on this machine only, never in a link.";

/** A made-up server in eager mode, so that the view can be tried without a benchmark. */
const HEAD = "model,hardware,num_gpus,tp,weight_dtype,kv_dtype,engine,engine_version,mode,input_len,output_len,batch_or_concurrency,requests,metric,value,unit";
const EXAMPLE = [HEAD, ...([[1, 46.4, 10.3], [4, 57.15, 10.7], [16, 110, 12.6], [64, 260, 19.7]] as const).flatMap(([load, ttft, tpot]) => {
  const run = `llama-3.1-8b,h100-sxm,1,1,bf16,bf16,vLLM,0.19.0,server-closed-loop,1000,200,${load},${load * 10}`;
  return [`${run},ttft_ms,${ttft},ms`, `${run},tpot_ms,${tpot},ms`];
})].join("\n");

const inUnit = (one: ComparedNumber, value: number): string => (/tpot|ttft|e2e|itl|latency/.test(one.quantity) ? time(value, 3) : figures(value));

/** The first two statements: the rest stands in the tables. */
const plain = (sentence: string): string => sentence.split(/; (?=\d)/)[0]?.replace(/: Your/, ": your").replace(/\.?$/, ".") ?? sentence;

function Numbers({ run }: { run: ComparedRun }): JSX.Element {
  return (
    <DataTable name="measured beside predicted" table={{
      columns: [{ name: "Quantity" }, { name: "measured", right: true }, { name: "predicted", right: true }, { name: "80 % range", right: true }, { name: "off by", right: true }, { name: "Verdict" }],
      rows: run.numbers.map((one) => [one.metric || one.quantity, inUnit(one, one.measured), inUnit(one, one.predicted.value), `${inUnit(one, one.predicted.low)} to ${inUnit(one, one.predicted.high)}`, `${one.measured > one.predicted.value ? "+" : "−"}${figures(Math.abs(one.measured / one.predicted.value - 1) * 100, 2)} %`, one.verdict]),
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

const inMs = (curve: readonly CurvePoint[]): [number, number][] => curve.map((one) => [one.concurrency, one.tpot.value * 1000]);

function Curve({ answer, own }: { answer: Compared; own: readonly CurvePoint[] }): JSX.Element | null {
  const curve = answer.curve ?? [];
  const first = answer.runs[0];
  // the curve is that of the first run's lengths: runs of others stand beside it
  const alike = (run: ComparedRun): boolean => run.isl === first?.isl && run.osl === first.osl;
  const dots = answer.runs.flatMap((run) => {
    const tpot = run.numbers.find((one) => one.quantity === "tpot");
    return tpot ? [{ key: `${run.file}${run.line}`, x: Math.max(1, run.running), y: tpot.measured * 1000, kind: alike(run) ? "diamond" as const : "open" as const, ...(answer.runs.length < 6 ? { label: run.load } : {}) }] : [];
  });
  if (curve.length < 2) return null;
  const xs = [...curve.map((one) => one.concurrency), ...dots.map((one) => one.x)];
  const ys = [...curve.flatMap((one) => [one.tpot.low * 1000, one.tpot.high * 1000]), ...inMs(own).map(([, value]) => value), ...dots.map((one) => one.y)];
  const x: [number, number] = [Math.max(0.9, Math.min(...xs)), Math.max(...xs) * 1.1];
  const y: [number, number] = [Math.min(...ys) * 0.8, Math.max(...ys) * 1.2];
  const table = (): Table => ({
    columns: ["At once", "TPOT, as shipped", "from", "to", ...(own.length ? ["calibrated"] : [])].map((name) => ({ name, right: true })),
    rows: curve.map((one, at) => [whole(one.concurrency), time(one.tpot.value, 3), time(one.tpot.low, 3), time(one.tpot.high, 3), ...(own.length ? [time(own[at]?.tpot.value, 3)] : [])]),
  });
  return (
    <Figure name="Time per token, predicted and yours" stamp={answer.sentence} table={table} data={answer} source={<span>◇ yours{answer.runs.every(alike) ? "" : ", ○ at other lengths than the curve"}. Shaded: 80 % range of the prediction.{own.length ? " Dashed: by a profile fitted to this file." : ""}</span>}>
      {(width) => (
        <XYChart id="measure" width={width} says={answer.sentence} x={{ kind: "doublings", domain: x, text: whole, name: "requests decoded at once (log)" }} y={{ kind: "log", domain: y, text: (value) => figures(value), name: "Time per output token", unit: "milliseconds, log" }}
          band={curve.map((one) => [one.concurrency, one.tpot.low * 1000, one.tpot.high * 1000] as const)} series={[{ key: "predicted", look: "result", label: own.length ? "as shipped" : "predicted", points: inMs(curve) }, ...(own.length ? [{ key: "calibrated", look: "line-2", dash: "7 4", label: "calibrated", points: inMs(own) }] : [])]} dots={dots} />
      )}
    </Figure>
  );
}

export function Measure(): JSX.Element {
  const [file, setFile] = useState<Uploaded | null>(null);
  const [system, setSystem] = useState("");
  const typed = useTyped(system, (raw) => setSystem(raw.trim()));
  const [fault, setFault] = useState("");
  const asked = useAnswer<Compared>("/api/v1/compare", { results: [file?.id ?? ""], ...(system ? { system } : {}) }, { off: file === null, settle: 50 });
  const answer = file ? asked.answer : undefined;
  const fitted = useAnswer<Calibrated>("/api/v1/calibrate", { results: [file?.id ?? ""], ...(system ? { system } : {}) }, { off: !answer, settle: 50 });

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
      <h1 class="answer">{answer ? plain(answer.sentence) : "Drop a benchmark's result file: is it as fast as it should be, and if not, where is the gap?"}</h1>
      <p class="because">{run ? <>{run.what}, {run.load}{run.roofline?.mbu ? `; ${percent(run.roofline.mbu)} of the memory's bandwidth (MBU)` : ""}{run.roofline?.mfu ? `, ${percent(run.roofline.mfu)} of the arithmetic (MFU)` : ""}.</> : "Each number stands beside its prediction and its 80 % range. What beats the hardware's bound is called impossible."}</p>
      {file && <Note asked={asked} />}
      {fault && <div class="notebar" role="alert"><span><b>This file cannot be used.</b> {fault}</span></div>}
      {asked.problem && file && <NotePlain>{file.name} was read, but not understood. Say on which machine it ran, or try another file.</NotePlain>}
      {answer && <Curve answer={answer} own={fitted.answer?.curve ?? []} />}
      {run && <section class="block" aria-label="Numbers"><h2>Measured beside predicted</h2><Numbers run={run} /></section>}
      {file && answer && <Calibration asked={fitted} name={file.name} />}
      {run && <Gap parts={run.tpot_parts} name="Where a token's time goes" />}
      {run && <Gap parts={run.ttft_parts} name="Where the first token's time goes" />}
      {answer?.hints && answer.hints.length > 0 && <section class="block" aria-label="Patterns"><h2>What it looks like</h2>{answer.hints.map((one) => <p class="small" key={one.pattern}><b>{one.pattern}:</b> {one.text}</p>)}</section>}
      {answer?.changes && answer.changes.length > 0 && (
        <section class="block" aria-label="What would help"><h2>What would help</h2>
          <DataTable name="changes" table={{ columns: [{ name: "Change" }, { name: "TPOT", right: true }, { name: "TTFT", right: true }, { name: "output", right: true }, { name: "sure" }], rows: answer.changes.map((one) => [one.what, `×${figures(one.tpot_ratio)}`, `×${figures(one.ttft_ratio)}`, `×${figures(one.output_ratio)}`, one.within_error ? "within the error" : "beyond the error"]) }} />
        </section>
      )}
      {answer?.no_changes && <p class="small block">{answer.no_changes.charAt(0).toUpperCase() + answer.no_changes.slice(1)}.</p>}
      {answer && answer.runs.length > 1 && (
        <section class="block" aria-label="All runs"><h2>All {whole(answer.runs.length)} runs, the worst first</h2>
          <DataTable name="runs" table={{ columns: [{ name: "Run" }, { name: "Load" }, { name: "Verdict" }], rows: answer.runs.map((one) => [`${file?.name ?? ""}:${one.line}`, one.load, one.verdict || one.reason]) }} />
        </section>
      )}
      <div class="block">
        <DropZone name={file ? "Another result file" : "Result file"} hint={HINT} onFile={(dropped) => void take(dropped)} />
        <div class="row">
          <label class="small" for="measure-system">Ran on </label>
          <input id="measure-system" class="box narrow" placeholder="as the file says, or 8xh100" {...typed} />
          {!file && <button type="button" class="button" onClick={() => void take(new File([EXAMPLE], "example.csv"))}>Try an example</button>}
        </div>
      </div>
    </section>
  );
}

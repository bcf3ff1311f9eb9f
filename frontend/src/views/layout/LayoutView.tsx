/** The rack: which GPU does what, what fills its memory, and what crosses the links. */

import type { JSX } from "preact";

import { Note, Pending } from "../../app/Note";
import { useAnswer } from "../../api/useAnswer";
import { DataTable, Figure, type Table } from "../../charts/Figure";
import { form, variablesAt } from "../../evaluator/step";
import { wall } from "../../evaluator/operating";
import type { Curves } from "../../evaluator/types";
import { opening } from "../../charts/table";
import { wordsOf } from "../../explain/names";
import { Num } from "../../explain/Num";
import { bytes, percent, time, whole } from "../../numbers/format";
import { curvesOf, scenario } from "../../state/request";
import { state } from "../../state/store";
import { Rack } from "./Rack";
import { partsOf, type Memory } from "./memory";

interface Analysis {
  model_name: string;
  system_name: string;
  gpus: number;
  fits: boolean;
  infeasible: null | { sentence?: string; reason?: string; fixes?: readonly string[] };
  layout: { tp: number; pp: number; ep: number; dp: number; cp: number };
  layout_label: string;
  layout_reason: string;
  replicas: number;
  gpus_idle: number;
  experts_per_gpu: number | null;
  memory: Memory | null;
  rooms: { by_memory: number } | null;
  step: { communication_s: number; step_s: number } | null;
  versions?: { package: string };
}

function Links({ curves, batch, context }: { curves: Curves; batch: number; context: number }): JSX.Element {
  const values = variablesAt(curves.step, batch, context);
  const rows = curves.step.links.map((link) => {
    const size = form(link.size, values);
    const best = Math.min(...link.lines.filter((line) => line.max_bytes === null || size <= line.max_bytes).map((line) => line.latency_s + size * line.s_per_byte));
    return { link, size, seconds: link.count * (link.wait_s + best) };
  }).sort((a, b) => b.seconds - a.seconds);
  if (rows.length === 0) return <p class="small">Nothing crosses a link: the model stands on one GPU.</p>;
  return (
    <DataTable name="traffic of a decode step" table={{
      columns: [{ name: "Collective" }, { name: "Kind" }, { name: "Runs", right: true }, { name: "Buffer", right: true }, { name: "Time of all", right: true }],
      rows: rows.map((one) => [one.link.name, one.link.kind.replace(/_/g, "-"), whole(one.link.count), bytes(one.size), opening("comm", time(one.seconds))]),
    }} />
  );
}

export function LayoutView(): JSX.Element {
  const now = state.value;
  const asked = useAnswer<Analysis>("/api/v1/analyze", scenario(now));
  const curves = useAnswer<Curves>("/api/v1/curves", curvesOf(now)).answer;
  const { answer } = asked;
  if (!answer) return <Pending asked={asked} name="Layout" />;
  const { layout, memory } = answer;
  const each = layout.tp * layout.pp * layout.dp * layout.cp;
  const parts = memory ? partsOf(memory) : [];
  const weights = memory ? memory.weights_bytes / memory.total_bytes : 0;
  const context = curves ? now.c || curves.at.context : 0;
  const batch = curves ? Math.max(1, Math.min(now.b, wall(curves, context))) : 1;
  const says = `${answer.replicas} ${answer.replicas === 1 ? "copy" : "copies"} of the model on ${answer.gpus} GPUs, ${each} GPUs each.`;
  const table = (): Table => ({
    columns: [{ name: "In the memory of a GPU" }, { name: "Bytes", right: true }, { name: "Share", right: true }],
    rows: parts.map((part) => [part.name, opening(part.opens, bytes(part.bytes)), percent(part.bytes / (memory as Memory).total_bytes)]),
  });
  return (
    <section aria-label="Layout" class={asked.stale ? "stale" : ""}>
      <Note asked={asked} />
      <h1 class="answer">
        {answer.fits
          ? <><b>{answer.layout_label.toUpperCase()}</b>: {whole(answer.replicas)} {answer.replicas === 1 ? "copy" : "copies"} on {whole(answer.gpus - answer.gpus_idle)} GPUs{answer.experts_per_gpu ? <>, <Num name="experts">{whole(answer.experts_per_gpu)} experts</Num> on each</> : ""}; weights take <Num name="gweights">{percent(weights)}</Num> of each memory.</>
          : <>This does not fit: {answer.infeasible?.sentence ?? answer.infeasible?.reason ?? "memory"}. {answer.infeasible?.fixes?.length ? `Nearest that would: ${answer.infeasible.fixes.map((one) => one.replace(/^(\w+) /, (_, field: string) => `${wordsOf(field)} `)).join("; ")}.` : ""}</>}
      </h1>
      <p class="because">{answer.layout_reason === "given" ? "The layout is yours." : `Chosen for ${answer.layout_reason}.`}{answer.rooms && <> Memory holds <Num name="room">{whole(answer.rooms.by_memory)} requests</Num> at once.</>}{answer.gpus_idle ? ` ${whole(answer.gpus_idle)} GPUs stand idle.` : ""}</p>
      {memory && (
        <Figure name="The rack and its memory" stamp={`${answer.model_name}, ${answer.system_name}, ${answer.layout_label}`} table={table} data={answer} dim={asked.stale} source={<><span>Every GPU of a stage holds as much; the fullest is shown.</span><span>{answer.system_name}</span></>}>
          {(width) => <Rack width={width} says={says} gpus={answer.gpus} layout={layout} replicas={answer.replicas} experts={answer.experts_per_gpu} parts={parts} total={memory.total_bytes} />}
        </Figure>
      )}
      {memory && (
        <p class="small">In each memory: {parts.map((part, at) => <span key={part.key}>{at > 0 && ", "}{part.name} <Num name={part.opens}>{bytes(part.bytes)}</Num></span>)}.</p>
      )}
      <section class="block" aria-label="Traffic">
        <h2>What crosses the links in a step of {whole(batch)} sequences</h2>
        {curves && <Links curves={curves} batch={batch} context={context} />}
      </section>
    </section>
  );
}

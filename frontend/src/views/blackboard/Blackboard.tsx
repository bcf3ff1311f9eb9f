/** The lecture's blackboard on a real model and machine: one operating point through latency and cost. */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { Note, Pending } from "../../app/Note";
import { useAnswer } from "../../api/useAnswer";
import { Figure, type Table } from "../../charts/Figure";
import { Slider } from "../../controls/Slider";
import { pointAt } from "../../evaluator/operating";
import type { Curves } from "../../evaluator/types";
import { explained } from "../../explain/Panel";
import { dollars, figures, milliseconds, whole } from "../../numbers/format";
import { curvesOf } from "../../state/request";
import { commit, drag, state } from "../../state/store";
import { Answer, because } from "./Answer";
import { Chart } from "./Chart";
import { boardOf, users, type Board } from "./model";

function tableOf(board: Board): Table {
  const columns = ["Batch", "TPOT, ms", "80 % from", "to", "Weights, ms", "KV, ms", "Compute, ms", "Network, ms", "Launches, ms", "$ per M out"];
  const rows: string[][] = [];
  for (let batch = 1; batch <= Math.min(board.room, board.end); batch *= 2) {
    const p = pointAt(board.curves, batch, board.context, board.rent);
    const times = [p.tpot_s, p.low_s, p.high_s, p.weights_s, p.kv_s, p.compute_s, p.network_s, p.launches_s];
    rows.push([whole(batch), ...times.map((value) => milliseconds(value, 3)), dollars(p.usd)]);
  }
  return { columns: columns.map((name) => ({ name, right: true })), rows };
}

function sourceOf(board: Board): string {
  const { curves, measured, ownContext } = board;
  const first = measured[0];
  if (first) {
    const [mark, but] = first.differs.length ? ["○", `, but ${first.differs.join("; ")}`] : ["●", ""];
    const seen = first.fitted ? "the fit has seen them" : "not seen by the fit";
    return `${mark} measured${but}: ${measured.length} runs, ${first.source}, ${first.as_of} (${seen}). Shaded: 80 % range.`;
  }
  if (curves.measured.length > 0 && !ownContext) return `Measured runs are hidden: they were made at ${whole(curves.at.context)} tokens. Shaded: 80 % range.`;
  return "No published run of this model on this chip. Shaded: 80 % range.";
}

function Controls({ board }: { board: Board }): JSX.Element {
  const { curves, room, end, asked, rent } = board;
  const now = state.value;
  const high = curves.axes.context_high;
  return (
    <div class="controls">
      <Slider id="batch" name="Batch" unit={curves.replicas * curves.layout.pp > 1 ? `sequences, ${whole(users(board, asked))} users` : "sequences"} value={now.b} low={1} high={end} text={whole} ends={["1", whole(end)]}
        clamped={asked > room ? `asked, ${whole(room)} fit` : undefined} onDrag={(b) => drag({ b })} onCommit={(b) => commit({ b })} />
      <Slider id="context" name="Context" unit="tokens" value={Math.round(board.context)} low={Math.ceil(curves.axes.context_low)} high={Math.floor(high)} text={whole}
        round={(value) => (Math.abs(value - curves.at.context) < value * 0.01 ? Math.round(curves.at.context) : Math.round(value / 64) * 64)}
        ends={[whole(curves.axes.context_low), whole(high)]} onDrag={(c) => drag({ c })} onCommit={(c) => commit({ c: c === Math.round(curves.at.context) ? 0 : c })} />
      <Slider id="limit" name="Limit per token" unit="ms" value={now.tpot} low={5} high={500} text={(value) => figures(value)} ends={["5 ms", "500 ms"]}
        onDrag={(tpot) => drag({ tpot })} onCommit={(tpot) => commit({ tpot })} />
      <Slider id="rent" name="GPU-hour" unit="US dollars" value={rent ?? 2} low={0.5} high={20} text={(value) => value.toFixed(2)} round={(value) => Math.round(value * 100) / 100}
        ends={["$0.50", "$20"]} onDrag={(p) => drag({ p })} onCommit={(p) => commit({ p: p === curves.rent?.usd_per_gpu_h ? 0 : p })} />
    </div>
  );
}

function explain(board: Board): void {
  const { point, curves, rent } = board;
  const name = state.value.x;
  if (!point) return;
  const ranges: Record<string, string> = {
    speed: `${whole(1 / point.high_s)} to ${whole(1 / point.low_s)} tokens a second`,
    tpot: `${milliseconds(point.low_s)} to ${milliseconds(point.high_s)} ms`,
    cost: point.usd ? `${dollars(point.usdLow)} to ${dollars(point.usdHigh)}` : "",
  };
  const movers = [];
  const bar = (low: number, high: number): { from: number; to: number } => ({ from: Math.max(-1, Math.log2(low)), to: Math.min(1, Math.log2(high)) });
  if (name === "cost" && point.usd && point.usdLow && point.usdHigh) {
    movers.push({ name: "Speed of the machine", text: `${milliseconds(point.low_s)} to ${milliseconds(point.high_s)} ms a token`, low: dollars(point.usdLow), high: dollars(point.usdHigh), ...bar(point.usdLow / point.usd, point.usdHigh / point.usd) });
    if (curves.rent && rent) {
      const { low_usd_per_gpu_h: low, high_usd_per_gpu_h: high } = curves.rent;
      movers.push({ name: "Rent", text: `$${figures(low)} to $${figures(high)} an hour`, low: dollars((point.usd * low) / rent), high: dollars((point.usd * high) / rent), ...bar(low / rent, high / rent) });
    }
  }
  explained.value = { of: name, range: ranges[name] ?? "", movers };
}

export function Blackboard(): JSX.Element {
  const now = state.value;
  const asked = useAnswer<Curves>("/api/v1/curves", curvesOf(now));
  const { answer: curves } = asked;
  const board = curves ? boardOf(curves, now) : null;
  useEffect(() => { if (board && now.x) explain(board); }, [board?.point?.batch, board?.point?.tpot_s, board?.rent, now.x, curves]);
  if (!board || !curves) return <Pending asked={asked} name="Blackboard" />;
  const [first, more] = because(board);
  const where = `${curves.model_name.split("/").pop() ?? ""}, ${curves.system_name}, ${curves.layout_label.toUpperCase()}`;
  const version = curves.versions?.package ? ` · tokenroof ${curves.versions.package}` : "";
  return (
    <section aria-label="Blackboard" class={asked.stale ? "board stale" : "board"}>
      <Note asked={asked} />
      <Answer board={board} />
      <p class="because">{first} <span class="more">{more}</span></p>
      <Figure name="Latency and cost against batch" stamp={`${where}, ${whole(board.context)} tokens of context${version}`} table={() => tableOf(board)} data={{ scenario: curvesOf(now), curves }}
        dim={asked.stale} source={<><span>{sourceOf(board)}</span><span>{where}{version}</span></>}>
        {(width) => <Chart board={board} width={width} says={`${first} ${more}`} />}
      </Figure>
      <Controls board={board} />
    </section>
  );
}

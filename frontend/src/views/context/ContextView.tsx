/** What a longer context costs: money, room, and where the cache of an idle conversation should lie. */

import type { JSX } from "preact";
import { useMemo } from "preact/hooks";

import { Note, Pending } from "../../app/Note";
import { useAnswer } from "../../api/useAnswer";
import { Figure, type Table } from "../../charts/Figure";
import { Handle } from "../../charts/Handle";
import { ceiling, clamp, logSpace } from "../../charts/scales";
import { useHeld } from "../../charts/useHeld";
import { XYChart } from "../../charts/XYChart";
import { batchWithin, pointAt, rentOf, usersOf, wall } from "../../evaluator/operating";
import type { Curves } from "../../evaluator/types";
import { Num } from "../../explain/Num";
import { dollars, figures, lengths, whole } from "../../numbers/format";
import type { State } from "../../state/params";
import { curvesOf } from "../../state/request";
import { commit, drag, state } from "../../state/store";
import { CacheTables } from "./CacheTables";

interface Row {
  context: number;
  room: number;
  users: number;
  usd: number | null;
  full: boolean;
}

/** The fullest batch that limit and memory allow at a context. */
function rowAt(curves: Curves, state: State, context: number): Row {
  const rent = rentOf(curves, state.p);
  const room = wall(curves, context);
  const within = room < 1 ? null : batchWithin(curves, context, state.tpot / 1000, room);
  if (within === null) return { context, room: usersOf(curves, room), users: 0, usd: null, full: true };
  return { context, room: usersOf(curves, room), users: usersOf(curves, within), usd: pointAt(curves, within, context, rent).usd, full: within >= room };
}

/** Twice the price of the shortest context: where length begins to be paid for. */
function doublingAt(rows: readonly Row[]): number | null {
  const first = rows.find((row) => row.usd !== null)?.usd;
  return first ? (rows.find((row) => row.usd !== null && row.usd >= 2 * first)?.context ?? null) : null;
}

function Sentence({ now, knee }: { now: Row; knee: number | null }): JSX.Element {
  const cost = now.usd === null ? null : <Num name="cost.limit">{dollars(now.usd)}</Num>;
  if (now.users < 1) return <h1 class="answer">At {whole(now.context)} tokens no user fits within your limits; a shorter context, more GPUs or a slower limit would.</h1>;
  return (
    <h1 class="answer">
      At {whole(now.context)} tokens of context <Num name={now.full ? "room" : "tpot.limit"}>{whole(now.users)} users</Num> fit your limits{cost && <> and a million tokens cost {cost}</>}; {knee && knee < now.context ? "the price has doubled by" : "it doubles from"} {knee ? whole(knee) : "no length that this model takes"}{knee ? " tokens on" : ""}.
    </h1>
  );
}

export function ContextView(): JSX.Element {
  const now = state.value;
  const asked = useAnswer<Curves>("/api/v1/curves", curvesOf(now));
  const curves = asked.answer;
  const rows = useMemo(() => curves ? logSpace(curves.axes.context_low, curves.axes.context_high, 60).map((context) => rowAt(curves, now, context)) : [], [curves, now.tpot, now.p]);
  const priced = rows.filter((row): row is Row & { usd: number } => row.usd !== null);
  const domain = useHeld<[number, number]>(priced.length ? [10 ** Math.floor(Math.log10(Math.min(...priced.map((row) => row.usd)))), ceiling(Math.max(...priced.map((row) => row.usd)))] : [0.1, 100]);
  const most = useHeld(ceiling(Math.max(2, ...rows.map((row) => row.room))));
  if (!curves) return <Pending asked={asked} name="Context and KV" />;
  const context = now.c > 0 ? clamp(now.c, curves.axes.context_low, curves.axes.context_high) : curves.at.context;
  const here = rowAt(curves, now, context);
  const knee = doublingAt(rows);
  const where = `${curves.model_name.split("/").pop() ?? ""}, ${curves.system_name}, ${curves.layout_label.toUpperCase()}`;
  const says = `At ${whole(context)} tokens ${whole(here.users)} users fit the limits${here.usd ? ` at ${dollars(here.usd)} per million output tokens` : ""}.`;
  const x = { kind: "doublings" as const, domain: [curves.axes.context_low, curves.axes.context_high] as [number, number], text: lengths, name: "mean context, tokens (log)" };
  const table = (): Table => ({
    columns: ["Context", "Users in limits", "Users in memory", "$ per M out"].map((name) => ({ name, right: true })),
    rows: rows.filter((_, at) => at % 6 === 0).map((row) => [whole(row.context), whole(row.users), whole(row.room), dollars(row.usd)]),
  });
  const handle = (sheet: { x: { (value: number): number; invert(pixel: number): number } }, y: number): JSX.Element => (
    <Handle name="Context" x={sheet.x(context)} y={y} value={Math.round(context)} low={Math.ceil(curves.axes.context_low)} high={Math.floor(curves.axes.context_high)} says={says}
      at={(px) => sheet.x.invert(px)} onDrag={(c) => drag({ c })} onCommit={(c) => commit({ c })} />
  );
  return (
    <section aria-label="Context and KV" class={asked.stale ? "stale" : ""}>
      <Note asked={asked} />
      <Sentence now={here} knee={knee} />
      <p class="because">{here.full ? "Memory, not speed, sets how many fit here." : "Your limit per token sets how many fit here; memory would hold more."} Half of each answer stands in the cache on average; prompts grow, answers stay {whole(curves.at.osl)} tokens.</p>
      <Figure name="Cost and users against context" stamp={where} table={table} data={{ scenario: curvesOf(now), curves }} dim={asked.stale} source={<><span>Each point is the fullest batch that memory and your {figures(now.tpot)} ms allow.</span><span>{where}</span></>}>
        {(width) => (
          <>
            <div class="panel-box">
              <XYChart id="context-cost" left={40} width={width} height={260} says={says} x={{ ...x, name: "" }} y={{ kind: "log", domain, text: (value) => figures(value), name: "Cost per million output tokens", unit: "US dollars, log" }}
                series={[{ key: "cost", look: "result", label: "cost", points: priced.map((row) => [row.context, row.usd] as const) }]}
                rules={knee ? [{ key: "knee", axis: "x", at: knee, label: "twice the shortest" }] : []}
                dots={here.usd ? [{ key: "here", x: context, y: here.usd, kind: "ring" }] : []} cursor={context}
                handles={(sheet) => (here.usd ? handle(sheet, sheet.y(here.usd)) : handle(sheet, sheet.bottom))} />
            </div>
            <div class="panel-box">
              <XYChart id="context-users" left={40} width={width} height={240} says={says} x={x} y={{ kind: "log", domain: [1, most], text: whole, name: "Users at once", unit: "log" }}
                series={[
                  { key: "memory", look: "line-kv", dash: "2 3", label: "memory holds", points: rows.filter((row) => row.room >= 1).map((row) => [row.context, row.room] as const) },
                  { key: "limit", look: "result", label: "within limits", points: rows.filter((row) => row.users >= 1).map((row) => [row.context, row.users] as const) },
                ]}
                dots={here.users >= 1 ? [{ key: "here", x: context, y: here.users, kind: "ring" }] : []} cursor={context} flag={{ at: context, text: whole(context) }} />
            </div>
          </>
        )}
      </Figure>
      <CacheTables />
    </section>
  );
}

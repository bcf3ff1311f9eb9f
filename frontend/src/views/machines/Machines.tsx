/** Several machines under the same question: cost at my interactivity, and the fleet behind it. */

import type { JSX } from "preact";

import { Note, Pending } from "../../app/Note";
import { useAnswer } from "../../api/useAnswer";
import { Figure, DataTable, type Table } from "../../charts/Figure";
import { Handle } from "../../charts/Handle";
import { clamp } from "../../charts/scales";
import { XYChart } from "../../charts/XYChart";
import { Slider } from "../../controls/Slider";
import { Pick } from "../../app/fields";
import { opening, type Cell } from "../../charts/table";
import { Num } from "../../explain/Num";
import { dollars, figures, money, prefixed, scaled, whole } from "../../numbers/format";
import { compared, fleet } from "../../state/request";
import { commit, drag, state } from "../../state/store";
import type { Deployment, FrontierPoint, Machine, PlanAnswer } from "../plan/types";

interface Standing {
  machine: Machine;
  point: Point | null;
}

/** What a machine gives each user, and at what price: plan's own pick, or while the limit moves the frontier's nearest. */
interface Point {
  label: string;
  speed: number;
  usd: number | null;
  pick: Deployment | null;
}

/** The cheapest point of the frontier that is at least as fast as asked. */
function nearest(machine: Machine, speed: number): Point | null {
  const fast = machine.frontier.filter((one) => one.tokens_per_s_per_user >= speed * 0.999 && one.usd_per_mtok_all !== null);
  const best = fast.reduce<FrontierPoint | null>((found, one) => (!found || (one.usd_per_mtok_all as number) < (found.usd_per_mtok_all as number) ? one : found), null);
  return best && { label: best.label, speed: best.tokens_per_s_per_user, usd: best.usd_per_mtok_all, pick: null };
}

function picked({ winner }: Machine): Point | null {
  return winner && { label: winner.label, speed: winner.tokens_per_s_per_user, usd: winner.usd_per_mtok_all, pick: winner };
}

const LOOKS = ["line-1", "line-2", "line-2", "line-3", "line-3"];
const DASHES = ["", "7 4", "2 3", "10 3 2 3", "4 2 1 2"];

/** Whole systems for all users, and what they draw and cost. */
function fleetRow({ machine, point }: Standing): Cell[] {
  if (!point) return [machine.system_name, machine.frontier.length ? "too slow" : "does not fit", ...Array<string>(6).fill("–")];
  const { pick } = point;
  const open = (key: string, text: string): Cell => (pick ? opening(`${key}.${machine.system}`, text) : text);
  const watts = pick?.energy ? pick.energy.watts_per_gpu.value * pick.gpus_paid : null;
  const priced = (value: number | null | undefined, key: string, text: string): Cell => (value === null || value === undefined ? "–" : open(key, text));
  return [
    machine.system_name, point.label.toUpperCase(), priced(point.usd, "plancost", dollars(point.usd)), priced(point.usd, "perusd", scaled(1e6 / (point.usd ?? 1))),
    pick ? open("fleetsys", whole(pick.systems)) : "–", priced(watts, "fleetw", prefixed(watts, "W", 2)), priced(watts, "permw", whole(((pick?.concurrency ?? 0) / (watts ?? 1)) * 1e6)),
    priced(pick?.usd_per_month, "fleetusd", money(pick?.usd_per_month)),
  ];
}

const COLUMNS = ["Machine", "Layout", "$ per M out", "output tokens per $", "systems", "GPU power", "users per MW", "$ a month"].map((name, index) => ({ name, right: index > 1 }));

function Choose(): JSX.Element {
  const now = state.value;
  const list = now.vs.split(",").filter(Boolean);
  const systems = useAnswer<{ systems: { id: string; name: string }[] }>("/api/v1/systems", undefined).answer?.systems ?? [];
  return (
    <div class="row ends block">
      {list.map((one) => <button type="button" class="button" key={one} aria-label={`Remove ${one}`} onClick={() => commit({ vs: list.filter((other) => other !== one).join(",") })}>{one} ×</button>)}
      {list.length < 4 && <Pick id="versus" name="Add a machine, or COUNTxCHIP" value="" options={systems.map((one) => [one.id, one.name])} onPick={(one) => commit({ vs: [...list.filter((other) => other !== one), one].join(",") })} />}
    </div>
  );
}

function Cost({ one }: { one: Standing }): JSX.Element {
  const text = dollars(one.point?.usd);
  return one.point?.pick ? <Num name={`plancost.${one.machine.system}`}>{text}</Num> : <b>{text}</b>;
}

export function Machines(): JSX.Element {
  const now = state.value;
  const asked = useAnswer<PlanAnswer>("/api/v1/plan", fleet(now, compared(now).join(",")), { streamed: true, settle: 350 });
  const { answer } = asked;
  if (!answer) return <Pending asked={asked} name="Compare machines" doing="Searching on every machine" />;
  const speed = 1000 / now.tpot;
  const machines = answer.machines.filter((one) => one.frontier.some((point) => point.usd_per_mtok_all));
  const standing = answer.machines.map((machine) => ({ machine, point: asked.stale ? nearest(machine, speed) : picked(machine) }));
  const able = standing.filter((one): one is Standing & { point: Point & { usd: number } } => one.point !== null && one.point.usd !== null).sort((a, b) => a.point.usd - b.point.usd);
  const best = able[0];
  const mine = standing.find((one) => one.machine.system === now.s);
  const all = machines.flatMap((one) => one.frontier.filter((point) => point.usd_per_mtok_all));
  const xs = all.map((one) => one.tokens_per_s_per_user);
  const ys = [...all.map((one) => one.usd_per_mtok_all as number), ...able.map((one) => one.point.usd)];
  const x: [number, number] = all.length ? [Math.min(...xs) * 0.9, Math.max(...xs) * 1.1] : [1, 100];
  const y: [number, number] = all.length ? [Math.min(...ys) * 0.8, Math.max(...ys) * 1.2] : [0.1, 100];
  const says = best ? `At ${figures(speed)} tokens a second for each user, ${best.machine.system_name} is the cheapest at ${dollars(best.point.usd)} per million output tokens.` : "No machine is this fast.";
  const table = (): Table => ({ columns: COLUMNS, rows: standing.map((one) => fleetRow(one)) });
  return (
    <section aria-label="Compare machines" class={asked.stale ? "stale" : ""}>
      <Note asked={asked} doing="Searching on every machine" />
      <h1 class="answer">
        {best ? <>At <b>{figures(speed)} tokens a second</b> for each user, <b>{best.machine.system_name}</b> is the cheapest: <Cost one={best} /> a million output tokens{mine?.point?.usd && mine.machine !== best.machine ? <>, against <Cost one={mine} /> on yours</> : ""}.</> : <>None of these machines gives each user {figures(speed)} tokens a second.</>}
      </h1>
      <p class="because">The whole cost is put on output tokens, prompts included. Each line is the best of every layout and format at its speed, a dot what a plan picks for {whole(now.users)} users; drag the line to your interactivity.{now.p ? ` Your $${figures(now.p)} for a GPU and hour is taken for every machine.` : ""}</p>
      <Figure name="Cost against interactivity" stamp={answer.model_name} table={table} data={answer} dim={asked.stale} source={<><span>Machines without a known rent are left out of the chart.</span><span>{answer.model_name.split("/").pop()}</span></>}>
        {(width) => (
          <XYChart id="machines" width={width} margin={150} says={says}
            x={{ kind: "log", domain: x, text: (value) => figures(value), name: "tokens per second and user (log)" }}
            y={{ kind: "log", domain: y, text: (value) => figures(value), name: "Cost per million output tokens", unit: "US dollars, prompts included, log" }}
            series={machines.map((one, index) => ({
              key: one.system, look: LOOKS[index] ?? "line-3", dash: DASHES[index] ?? "", label: one.system_name,
              points: [...one.frontier].filter((point) => point.usd_per_mtok_all).sort((a, b) => a.tokens_per_s_per_user - b.tokens_per_s_per_user).map((point) => [point.tokens_per_s_per_user, point.usd_per_mtok_all as number] as const),
            }))}
            dots={able.map((one) => ({ key: one.machine.system, x: one.point.speed, y: one.point.usd, kind: one === best ? "solid" as const : "open" as const }))}
            cursor={clamp(speed, x[0], x[1])}
            flag={{ at: clamp(speed, x[0], x[1]), text: figures(speed) }}
            handles={(sheet) => (
              <Handle name="Interactivity" whole={false} x={sheet.x(clamp(speed, x[0], x[1]))} y={sheet.top + 10} value={Number(speed.toPrecision(3))} low={Number(x[0].toPrecision(2))} high={Number(x[1].toPrecision(3))} says={says}
                at={(px) => sheet.x.invert(px)} onDrag={(value) => drag({ tpot: Number((1000 / value).toPrecision(3)) })} onCommit={(value) => commit({ tpot: Number((1000 / value).toPrecision(3)) })} />
            )} />
        )}
      </Figure>
      <div class="controls">
        <Slider id="limit" name="Limit per token" unit={`ms: ${figures(speed)} tokens a second`} value={now.tpot} low={5} high={500} text={(value) => figures(value)} ends={["5 ms", "500 ms"]} onDrag={(tpot) => drag({ tpot })} onCommit={(tpot) => commit({ tpot })} />
        <Slider id="users" name="Users at once" unit="people" value={now.users} low={1} high={1e7} text={whole} ends={["1", "10,000,000"]} onDrag={(users) => drag({ users })} onCommit={(users) => commit({ users })} />
      </div>
      <section class="block" aria-label="Fleet">
        <h2>The fleet for {whole(now.users)} users at once</h2>
        <DataTable name="fleet" table={table()} />
      </section>
      <Choose />
    </section>
  );
}

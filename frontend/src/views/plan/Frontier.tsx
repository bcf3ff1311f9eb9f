/** Speed of each user against yield of each GPU: the pick, what is as good, and what the limit rules out. */

import type { JSX } from "preact";

import { XYChart, type Dot, type Sheet } from "../../charts/XYChart";
import { figures, whole } from "../../numbers/format";
import { equal, shown, type Deployment, type Machine } from "./types";

function domainOf(values: readonly number[]): [number, number] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  return [low * 0.85, high * 1.25];
}

function Halo({ sheet, all }: { sheet: Sheet; all: readonly Deployment[] }): JSX.Element {
  const xs = all.map((one) => sheet.x(one.tokens_per_s_per_user));
  const ys = all.map((one) => sheet.y(one.output_tokens_per_s_per_gpu));
  const x0 = Math.min(...xs) - 13;
  const y0 = Math.min(...ys) - 13;
  return <rect class="halo-box" x={x0} y={y0} width={Math.max(...xs) - x0 + 13} height={Math.max(...ys) - y0 + 13} rx="13" />;
}

function Bar({ sheet, one, name }: { sheet: Sheet; one: Deployment; name: string }): JSX.Element {
  const y = sheet.y(one.output_tokens_per_s_per_gpu);
  const from = Math.max(sheet.left, sheet.x(1 / (one.tpot_s * one.high)));
  const to = Math.min(sheet.right, sheet.x(1 / (one.tpot_s * one.low)));
  return (
    <g>
      <path class="error-bar" d={`M${from} ${y - 5}V${y + 5}M${from} ${y}H${to}M${to} ${y - 5}V${y + 5}`} />
      <text class="end-label halo" x={to + 10} y={y + 4}>{name}</text>
    </g>
  );
}

export interface Yours {
  label: string;
  speed: number;
  yield_: number;
  usd: number | null;
  users: number;
  tpot_s: number;
}

interface FrontierProps {
  machine: Machine;
  winner: Deployment;
  yours: Yours | null;
  limit_s: number;
  width: number;
  says: string;
}

export function Frontier({ machine, winner, yours, limit_s, width, says }: FrontierProps): JSX.Element {
  const front = [...machine.frontier].sort((a, b) => a.tokens_per_s_per_user - b.tokens_per_s_per_user);
  const others = machine.runner_ups.filter((one) => equal(one, winner, machine.equal_within));
  const limit = 1 / limit_s;
  const xs = [...front.map((one) => one.tokens_per_s_per_user), winner.tokens_per_s_per_user, limit];
  const ys = [...front.map((one) => one.output_tokens_per_s_per_gpu), winner.output_tokens_per_s_per_gpu];
  if (yours) {
    xs.push(yours.speed);
    ys.push(yours.yield_);
  }
  const dots: Dot[] = [
    ...front.map((one, at) => ({ key: `f${at}`, x: one.tokens_per_s_per_user, y: one.output_tokens_per_s_per_gpu, kind: "faint" as const })),
    ...machine.runner_ups.map((one, at) => ({ key: `r${at}`, x: one.tokens_per_s_per_user, y: one.output_tokens_per_s_per_gpu, kind: "open" as const })),
    { key: "pick", x: winner.tokens_per_s_per_user, y: winner.output_tokens_per_s_per_gpu, kind: "solid" },
    ...(yours ? [{ key: "yours", x: yours.speed, y: yours.yield_, kind: "diamond" as const, label: `yours, ${yours.label}` }] : []),
  ];
  // a name at the bend of the frontier tells which layouts serve faster users
  const far = front.filter((one) => one.tokens_per_s_per_user > winner.tokens_per_s_per_user * 1.8);
  const named = far[Math.floor(far.length / 2)];
  if (named) dots.push({ key: "far", x: named.tokens_per_s_per_user, y: named.output_tokens_per_s_per_gpu, kind: "open", label: `${shown(named.label)} for faster users` });
  return (
    <XYChart id="plan" width={width} height={320} margin={24} says={says}
      x={{ kind: "log", domain: domainOf(xs), text: (value) => figures(value), name: "tokens per second and user (log)" }}
      y={{ kind: "log", domain: domainOf(ys), text: whole, name: "Output tokens per second and GPU", unit: "all GPUs counted, log" }}
      series={[{ key: "front", look: "result", points: front.map((one) => [one.tokens_per_s_per_user, one.output_tokens_per_s_per_gpu] as const) }]}
      rules={[{ key: "limit", axis: "x", at: limit, label: `over ${figures(limit_s * 1000)} ms`, hatch: "below" }]}
      dots={dots}
      under={(sheet) => <Halo sheet={sheet} all={[winner, ...others]} />}
      over={(sheet) => <><Bar sheet={sheet} one={winner} name={`${shown(winner.label)}${others.length ? ` and ${others.length} as good` : ""}`} />{!sheet.narrow && <text x={sheet.right} y={sheet.top + 14} text-anchor="end">better: up and to the right ↗</text>}</>} />
  );
}

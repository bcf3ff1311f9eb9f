/** The answer in one sentence, and why. */

import type { JSX } from "preact";

import { Num } from "../../explain/Num";
import { bytes, dollars, figures, time, whole } from "../../numbers/format";
import { sequenceBytes } from "../../evaluator/step";
import { users, type Board } from "./model";
import { largest } from "./parts";

const speed = (tpot_s: number): string => `${whole(1 / tpot_s)} tokens a second`;

function Tail({ board }: { board: Board }): JSX.Element {
  const { within, limit_s, point, room, atLimit } = board;
  const limit = `${figures(limit_s * 1000)} ms`;
  if (!point) return <>.</>;
  if (within === null) return <>; no batch meets your {limit} on this machine.</>;
  if (point.tpot_s > limit_s * 1.0005) return <>: too slow for your {limit}, which ends at <Num name="tpot.limit">{whole(users(board, within))} users</Num>.</>;
  if (within > point.batch * 1.08) return <>; your {limit} limit allows <Num name="tpot.limit">{whole(users(board, within))}</Num>{atLimit?.usd ? <>, at <Num name="cost.limit">{dollars(atLimit.usd)}</Num></> : ""}.</>;
  return <>: about the cheapest that {within < room ? `your ${limit} limit` : "the memory"} allows.</>;
}

export function Answer({ board }: { board: Board }): JSX.Element {
  const { point, room, asked, curves, context } = board;
  if (!point) {
    return (
      <h1 class="answer">
        Memory holds no user of {whole(context)} tokens: {curves.memory.pool_bytes > 0
          ? `one needs ${bytes(sequenceBytes(curves.memory, context))} of the ${bytes(curves.memory.pool_bytes)} that each GPU has left`
          : "the weights alone fill it"}. Take more GPUs, a narrower format or a shorter context.
      </h1>
    );
  }
  const cost = point.usd === null ? <> (the rent of this machine is not known)</> : <> and a million tokens cost <Num name="cost">{dollars(point.usd)}</Num></>;
  if (asked > room) {
    return <h1 class="answer">Memory holds <Num name="tpot">{whole(users(board, room))}</Num> users, not {whole(users(board, asked))}; each gets <Num name="speed">{speed(point.tpot_s)}</Num>{cost}.</h1>;
  }
  const who = users(board, point.batch) < 1.5 ? "One user alone gets" : `With ${whole(users(board, point.batch))} users at once, each gets`;
  return <h1 class="answer">{who} <Num name="speed">{speed(point.tpot_s)}</Num>{cost}<Tail board={board} /></h1>;
}

/** The first sentence stands alone on narrow pages. */
export function because(board: Board): [string, string] {
  const { point, fast, slow, curves } = board;
  if (!point) return ["", ""];
  const part = largest(point);
  const lines = [`Four in five runs would land between ${whole(1 / point.high_s)} and ${whole(1 / point.low_s)} tokens a second.`];
  if (fast?.usd && point.usd) lines.push(`A mode 2.5 times as fast costs ${figures(fast.usd / point.usd, 2)} times as much.`);
  else if (!fast) lines.push("No batch is 2.5 times as fast.");
  if (slow?.usd && point.usd && slow.usd < point.usd * 0.97) lines.push(`The fullest batch saves ${figures((1 - slow.usd / point.usd) * 100, 2)} %.`);
  lines.push(`${curves.left_out[0] ? curves.left_out[0].charAt(0).toUpperCase() + curves.left_out[0].slice(1) : "Queueing"} left out.`);
  return [`${part.doing} takes ${time(part.of(point))} of the ${time(point.tpot_s)}.`, lines.join(" ")];
}

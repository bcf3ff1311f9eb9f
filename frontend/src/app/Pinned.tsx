/** What is pinned beside what is edited: inputs that differ, and what comes of it. */

import type { JSX } from "preact";

import { useAnswer } from "../api/useAnswer";
import { batchWithin, pointAt, rentOf, usersOf, wall } from "../evaluator/operating";
import type { Curves } from "../evaluator/types";
import { dollars, time, whole } from "../numbers/format";
import { SCENARIO_KEYS, type Key, type State } from "../state/params";
import { pins, swap, unpin, type Pin } from "../state/pins";
import { curvesOf } from "../state/request";
import { commit, state } from "../state/store";

const NAMES: Partial<Record<Key, string>> = {
  m: "model", s: "machine", e: "engine", tp: "TP", pp: "PP", ep: "EP", dp: "DP", w: "weights", kv: "KV cache",
  isl: "tokens in", osl: "tokens out", tpot: "limit, ms", ttft: "TTFT limit, ms", p: "$ per GPU-hour", b: "batch", c: "context",
};

function differing(all: readonly State[]): Key[] {
  const first = all[0] as State;
  return [...SCENARIO_KEYS, "b" as Key, "c" as Key].filter((key) => all.some((one) => one[key] !== first[key]));
}

function Row({ pin, keys }: { pin: Pin | null; keys: readonly Key[] }): JSX.Element {
  const one = pin?.state ?? state.value;
  const { answer } = useAnswer<Curves>("/api/v1/curves", curvesOf(one));
  const cells = ["…", "…", "…", "…"];
  if (answer) {
    const context = one.c || answer.at.context;
    const room = wall(answer, context);
    const rent = rentOf(answer, one.p);
    if (room < 1) cells.fill("does not fit");
    else {
      const point = pointAt(answer, Math.min(one.b, room), context, rent);
      const most = batchWithin(answer, context, one.tpot / 1000, room);
      cells.splice(0, 4, time(point.tpot_s), dollars(point.usd), most === null ? "none" : whole(usersOf(answer, most)), whole(usersOf(answer, room)));
    }
  }
  return (
    <tr class={pin ? "" : "yours"}>
      <th scope="row">{pin?.name ?? "this"}</th>
      {keys.map((key) => <td key={key}>{one[key] || "auto"}</td>)}
      {cells.map((cell, at) => <td key={at} class="r">{cell}</td>)}
      <td>
        {pin && <button type="button" class="button" onClick={() => { const next = swap(pin.name); if (next) commit(next); }}>Swap</button>}{" "}
        {pin && <button type="button" class="button" aria-label={`Remove ${pin.name}`} onClick={() => unpin(pin.name)}>Remove</button>}
      </td>
    </tr>
  );
}

export function Pinned(): JSX.Element | null {
  if (pins.value.length === 0) return null;
  const keys = differing([...pins.value.map((one) => one.state), state.value]);
  return (
    <section class="block" aria-label="Pinned scenarios">
      <h2>Pinned</h2>
      <p class="small">{keys.length ? "Only what differs is listed." : "Nothing differs yet: change the scenario."}</p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Pinned scenarios, table">
        <table>
          <thead>
            <tr>
              <th scope="col">Scenario</th>
              {keys.map((key) => <th key={key} scope="col">{NAMES[key] ?? key}</th>)}
              <th scope="col" class="r">TPOT</th><th scope="col" class="r">$ per M out</th><th scope="col" class="r">users in limit</th><th scope="col" class="r">users in memory</th>
              <th scope="col"><span class="vh">Actions</span></th>
            </tr>
          </thead>
          <tbody>
            {pins.value.map((pin) => <Row key={pin.name} pin={pin} keys={keys} />)}
            <Row pin={null} keys={keys} />
          </tbody>
        </table>
      </div>
    </section>
  );
}

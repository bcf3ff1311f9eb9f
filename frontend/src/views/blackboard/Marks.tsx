/** What goes with the operating point: values, limit, pins of the fast and slow mode, measured runs. */

import type { JSX } from "preact";

import { clamp } from "../../charts/scales";
import { dollars, figures, time, whole } from "../../numbers/format";
import type { Layout } from "./Chart";
import { FASTER, users, type Board } from "./model";

function Measured({ lay, board }: { lay: Layout; board: Board }): JSX.Element | null {
  const { x, y, top, narrow } = lay;
  const shown = board.measured.filter(({ batch, tpot_s }) => batch >= 1 && batch <= board.end && y((tpot_s as number) * 1000) >= top);
  const named = shown[Math.min(1, shown.length - 1)];
  if (!named) return null;
  const far = !board.point || Math.abs(x(board.point.batch) - x(named.batch)) > 70;
  return (
    <g>
      {shown.map((run) => <circle key={`${run.source}${run.engine}${run.batch}${run.tpot_s}`} class={run.differs.length ? "measured other" : "measured"} cx={x(run.batch)} cy={y((run.tpot_s as number) * 1000)} r="5" />)}
      {!narrow && far && <text class="halo strong" x={x(named.batch)} y={y((named.tpot_s as number) * 1000) - 12} text-anchor="middle">measured</text>}
    </g>
  );
}

function Pins({ lay, board }: { lay: Layout; board: Board }): JSX.Element | null {
  const { x, cost, narrow, second, bottom, left } = lay;
  const { fast, slow, point } = board;
  if (!point?.usd) return null;
  const pin = (batch: number, usd: number, text: string, anchor: "start" | "end"): JSX.Element => {
    const px = x(batch);
    const py = clamp(cost(usd), second, bottom);
    const side = anchor === "start" ? 1 : -1;
    return (
      <g>
        <path class="pin" d={`M${px} ${py}V${Math.min(py + 18, bottom)}`} />
        <circle class="pin-head" cx={px} cy={py} r="4" />
        {!narrow && <text class="halo" x={px + side * 8} y={Math.min(py + 24, bottom - 6)} text-anchor={anchor}>{text}</text>}
      </g>
    );
  };
  return (
    <g>
      {fast?.usd ? pin(fast.batch, fast.usd, `fast, ${FASTER}×: ${dollars(fast.usd)}`, x(fast.batch) - left > 140 ? "end" : "start") : null}
      {slow?.usd && slow.batch > point.batch * 1.15 ? pin(slow.batch, slow.usd, `slow: ${dollars(slow.usd)}`, "end") : null}
    </g>
  );
}

/** Where the wall is, or lies beyond the axis; in the lower panel where the operating point would cover it. */
function MemoryLabel({ lay, board }: { lay: Layout; board: Board }): JSX.Element {
  const { x, top, second, right, narrow } = lay;
  const { room, end, point, curves } = board;
  const full = room < end;
  const text = narrow ? `${whole(users(board, room))} fit` : `memory full at ${whole(users(board, room))} ${curves.replicas > 1 ? "users" : "sequences"}`;
  const at = full ? x(Math.max(1, room)) - 6 : right;
  const near = point !== null && Math.abs(at - x(point.batch)) < text.length * 7;
  return <text class="halo strong" x={at} y={(near ? second : top) + 14} text-anchor="end">{text}{full ? "" : " →"}</text>;
}

export function Marks({ lay, board, yMax }: { lay: Layout; board: Board; yMax: number }): JSX.Element {
  const { x, y, cost, narrow, left, right, top, split } = lay;
  const { point, limit_s } = board;
  const limitY = y(Math.min(limit_s * 1000, yMax));
  const at = point ? x(point.batch) : left;
  const tpotY = point ? clamp(y(point.tpot_s * 1000), top + 12, split) : split;
  const near = at - left < (narrow ? 120 : 200) && Math.abs(limitY - tpotY) < 34;
  const flip = at - left < 90;
  return (
    <g>
      <MemoryLabel lay={lay} board={board} />
      <Measured lay={lay} board={board} />
      <Pins lay={lay} board={board} />
      <text class="halo strong" x={near ? at + 96 : left + 26} y={limitY - 7}>your limit {figures(limit_s * 1000)} ms</text>
      {point && (
        <text class="value halo" x={at + (flip ? 14 : -14)} y={Math.max(tpotY - 12, top + 30)} text-anchor={flip ? "start" : "end"}>
          {time(point.tpot_s)}
        </text>
      )}
      {point?.usd ? (
        <text class="value halo" x={at + (at > right - 90 ? -14 : 14)} y={cost(point.usd) - 10} text-anchor={at > right - 90 ? "end" : "start"}>
          {dollars(point.usd)}
        </text>
      ) : null}
    </g>
  );
}

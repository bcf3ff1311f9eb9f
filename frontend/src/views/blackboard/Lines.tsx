/** What stays while the operating point moves: range, total, parts, walls and the names at the ends of lines. */

import type { JSX } from "preact";

import { bandPath, dodge, linePath } from "../../charts/shapes";
import type { Point } from "../../evaluator/operating";
import { figures } from "../../numbers/format";
import type { Layout } from "./Chart";
import type { Board } from "./model";
import { PARTS } from "./parts";

export function Lines({ lay, points }: { lay: Layout; points: readonly Point[] }): JSX.Element | null {
  if (points.length === 0) return null;
  const { x, y, cost, narrow } = lay;
  const line = (of: (p: Point) => number): string => linePath(points.map((p) => [x(p.batch), y(of(p) * 1000)] as const));
  const priced = points.filter((p) => p.usd !== null);
  return (
    <>
      <g clip-path="url(#blackboard-upper)">
        <path class="band" d={bandPath(points.map((p) => [x(p.batch), y(p.low_s * 1000), y(p.high_s * 1000)] as const))} />
        {PARTS.filter((part) => !narrow || part.key !== "launch").map((part) => (
          <path key={part.key} class={`line line-${part.key}`} stroke-dasharray={part.dash} d={line(part.of)} />
        ))}
        <path class="line total" d={line((p) => p.tpot_s)} />
      </g>
      {priced.length > 0 && (
        <g clip-path="url(#blackboard-lower)">
          <path class="band" d={bandPath(priced.map((p) => [x(p.batch), cost(p.usdLow as number), cost(p.usdHigh as number)] as const))} />
          <path class="line total" d={linePath(priced.map((p) => [x(p.batch), cost(p.usd as number)] as const))} />
        </g>
      )}
    </>
  );
}

export function EndLabels({ lay, points, yMax }: { lay: Layout; points: readonly Point[]; yMax: number }): JSX.Element | null {
  const last = points.at(-1);
  if (!last) return null;
  const { x, y, narrow, top, split } = lay;
  const end = x(last.batch);
  const from = end + (narrow ? 10 : 16);
  const all = [
    { key: "total", name: narrow ? "TPOT" : "TPOT, all", y0: y(Math.min(last.tpot_s * 1000, yMax)) },
    ...PARTS.filter((part) => !narrow || part.key !== "launch").map((part) => ({
      key: part.key as string, name: narrow ? part.short : part.name, y0: y(Math.min(part.of(last) * 1000, yMax)),
    })),
  ].map((label) => ({ ...label, y: label.y0 }));
  return (
    <g>
      {dodge(all, 16, top + 8, split - 6).map((label) => (
        <g key={label.key}>
          {label.key !== "total" && <path class={`leader line-${label.key}`} d={`M${end} ${label.y0}L${from - 3} ${label.y}`} />}
          <text class={`end-label halo text-${label.key}`} x={from} y={label.y + 4}>{label.name}</text>
        </g>
      ))}
    </g>
  );
}

export function Walls({ lay, board, yMax }: { lay: Layout; board: Board; yMax: number }): JSX.Element {
  const { x, y, top, split, second, bottom, left, right, narrow } = lay;
  const { room, end, limit_s, within, curves } = board;
  const hatch = "url(#blackboard-hatch)";
  const most = Math.max(1, Math.min(room, end));
  const limit = y(Math.min(limit_s * 1000, yMax));
  const full = room < end;
  const drain = curves.drain_s * 1000;
  return (
    <g>
      {full && (
        <g>
          <rect x={x(most)} y={top} width={right - x(most)} height={split - top} fill={hatch} />
          <rect x={x(most)} y={second} width={right - x(most)} height={bottom - second} fill={hatch} />
          <line class="wall" x1={x(most)} x2={x(most)} y1={top} y2={bottom} />
        </g>
      )}
      <rect class="faint" x={left} y={top} width={Math.max(0, x(most) - left)} height={limit - top} fill={hatch} />
      <line class="limit" x1={left} x2={x(most)} y1={limit} y2={limit} />
      {within !== null && within < most && <line class="limit" x1={x(within)} x2={x(within)} y1={limit} y2={bottom} />}
      {drain < yMax * 0.97 && !narrow && Math.abs(y(drain) - limit) > 18 && (
        <g>
          <line class="train" x1={left} x2={x(most)} y1={y(drain)} y2={y(drain)} />
          <text class="halo" x={left + 8} y={y(drain) - 6}>the train leaves every {figures(drain, 2)} ms: memory read once</text>
        </g>
      )}
    </g>
  );
}

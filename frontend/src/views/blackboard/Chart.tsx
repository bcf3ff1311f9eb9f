/** Latency and cost over one batch axis, with one operating point through both. */

import type { JSX } from "preact";
import { useMemo } from "preact/hooks";

import { Handle } from "../../charts/Handle";
import { AxisFlag, PanelTitle, Plot, Ring, XAxis, YAxis } from "../../charts/Plot";
import { ceiling, clamp, doublings, linear, linearTicks, log, logTicks, type Scale } from "../../charts/scales";
import { useHeld } from "../../charts/useHeld";
import { curveOf } from "../../evaluator/operating";
import { dollars, figures, time, whole } from "../../numbers/format";
import { commit, drag } from "../../state/store";
import { EndLabels, Lines, Walls } from "./Lines";
import { users, type Board } from "./model";
import { PARTS } from "./parts";
import { Marks } from "./Marks";
import { PinLines } from "./PinLines";

export interface Layout {
  narrow: boolean;
  left: number;
  right: number;
  top: number;
  split: number;
  second: number;
  bottom: number;
  x: Scale;
  y: Scale;
  cost: Scale;
}

function heights(width: number): { height: number; narrow: boolean } {
  const narrow = innerWidth <= 900 || width < 560;
  return { narrow, height: narrow ? 264 : clamp(innerHeight - 440, 360, 560) };
}

function layoutOf(width: number, board: Board, yMax: number, costs: [number, number]): Layout & { height: number } {
  const { height, narrow } = heights(width);
  const left = narrow ? 30 : 36;
  const right = width - (narrow ? 66 : 124);
  const top = 30;
  const bottom = height - (narrow ? 28 : 44);
  const gap = narrow ? 40 : 62;
  const split = top + Math.round((bottom - top - gap) * 0.62);
  const second = split + gap;
  return {
    height, narrow, left, right, top, split, second, bottom,
    x: log([1, board.end], [left + 10, right]),
    y: linear([0, yMax], [split, top]),
    cost: log(costs, [bottom, second]),
  };
}

/** Limits of the vertical axes: they follow the scenario, never the operating point. */
function limitsOf(board: Board): { yMax: number; costs: [number, number] } {
  const last = board.slow?.tpot_s ?? board.limit_s;
  const ms = Math.max(board.limit_s * 1.5, Math.min(last * 1.15, board.limit_s * 3), (board.point?.tpot_s ?? 0) > board.limit_s * 3 ? last * 1.1 : 0) * 1000;
  const low = board.slow?.usdLow ?? 1;
  const first = board.slow ? curveOf(board.curves, board.context, board.rent, 1, 2)[0] : undefined;
  const high = first?.usdHigh ?? 100;
  return { yMax: ceiling(ms), costs: [halfPower(low, Math.floor), halfPower(high, Math.ceil)] };
}

/** The nearest half power of ten on one side. */
function halfPower(value: number, side: (value: number) => number): number {
  return 10 ** (side(Math.log10(Math.max(value, 1e-6)) * 2) / 2);
}

export function Chart({ board, width, says }: { board: Board; width: number; says: string }): JSX.Element {
  const { point, room, curves, context, rent } = board;
  const { yMax, costs } = useHeld(limitsOf(board));
  const most = Math.min(room, board.end);
  const lay = useMemo(() => layoutOf(width, board, yMax, costs), [width, innerHeight, board.end, yMax, costs[0], costs[1]]);
  const points = useMemo(() => (most < 1 ? [] : curveOf(curves, context, rent, most)), [curves, context, rent, most]);
  const { x, y, cost, narrow, left, right, top, split, second, bottom, height } = lay;
  const still = useMemo(() => <Lines lay={lay} points={points} />, [lay, points]);
  const labels = useMemo(() => <EndLabels lay={lay} points={points} yMax={yMax} />, [lay, points, yMax]);
  const walls = useMemo(() => <Walls lay={lay} board={board} yMax={yMax} />, [lay, room, board.limit_s, board.within, context, curves, yMax]);
  const unit = narrow ? "ms" : "milliseconds";
  const batch = point?.batch ?? 1;
  const at = x(batch);
  const costTicks = logTicks(costs, narrow ? 3 : 5, (value) => figures(value));
  return (
    <>
      <Plot id="blackboard" width={width} height={height} says={says}>
        <clipPath id="blackboard-upper"><rect x={left} y={top} width={right - left + 4} height={split - top} /></clipPath>
        <clipPath id="blackboard-lower"><rect x={left} y={second - 4} width={right - left + 4} height={bottom - second + 8} /></clipPath>
        <YAxis scale={y} ticks={linearTicks([0, yMax], narrow ? 3 : 4, (value) => figures(value))} from={left} to={right} />
        {rent !== null && <YAxis scale={cost} ticks={costTicks} from={left} to={right} />}
        {walls}
        {still}
        <PinLines lay={lay} end={board.end} yMax={yMax} />
        {point && (
          <g>
            <line class="cursor" x1={at} x2={at} y1={top} y2={bottom + 6} />
            {PARTS.filter((part) => !narrow || part.key !== "launch").map((part) => (
              <circle key={part.key} cx={at} cy={y(Math.min(part.of(point) * 1000, yMax))} r="3" class={`dot-${part.key}`} />
            ))}
          </g>
        )}
        {labels}
        <Marks lay={lay} board={board} yMax={yMax} />
        {point && <Ring x={at} y={clamp(y(point.tpot_s * 1000), top, split)} />}
        {point?.usd ? <Ring x={at} y={cost(clamp(point.usd, ...costs))} /> : null}
        <line class="axis" x1={left} x2={right} y1={split} y2={split} />
        <XAxis scale={x} ticks={doublings([1, board.end], narrow ? 5 : 12, whole)} from={left} to={right} y={bottom} avoid={point ? at : null} {...(narrow ? {} : { name: "batch: sequences decoded together (log)" })} />
        {point && <AxisFlag x={at} y={bottom} text={whole(batch)} />}
        <PanelTitle y={14} name="Time per output token" unit={unit} />
        <PanelTitle y={second - 14} name="Cost per million output tokens" unit={narrow ? "$, log" : "US dollars, log"} />
      </Plot>
      {point && (
        <Handle
          name="Batch"
          x={at}
          y={clamp(y(point.tpot_s * 1000), top, split)}
          value={batch}
          low={1}
          high={Math.max(1, most)}
          says={`${whole(users(board, batch))} sequences: ${time(point.tpot_s)} per token${point.usd ? `, ${dollars(point.usd)} per million output tokens` : ""}`}
          at={(px) => x.invert(px)}
          onDrag={(b) => drag({ b })}
          onCommit={(b) => commit({ b })}
        />
      )}
      <Handle
        name="Limit per token"
        vertical
        whole={false}
        x={left + 4}
        y={clamp(y(board.limit_s * 1000), top, split)}
        value={board.limit_s * 1000}
        low={5}
        high={1000}
        says={`${figures(board.limit_s * 1000)} ms per token: ${board.within === null ? "no batch" : `${whole(users(board, board.within))} users`}`}
        at={(_, py) => y.invert(clamp(py, top, split))}
        onDrag={(tpot) => drag({ tpot })}
        onCommit={(tpot) => commit({ tpot })}
      />
    </>
  );
}

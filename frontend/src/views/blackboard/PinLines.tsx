/** Pinned scenarios over the same axes: each with a dash and its letter. */

import type { JSX } from "preact";

import { useAnswer } from "../../api/useAnswer";
import { clamp } from "../../charts/scales";
import { linePath } from "../../charts/shapes";
import { curveOf, rentOf, wall } from "../../evaluator/operating";
import type { Curves } from "../../evaluator/types";
import { pins, type Pin } from "../../state/pins";
import { curvesOf } from "../../state/request";
import type { Layout } from "./Chart";

const DASHES: Readonly<Record<string, string>> = { A: "12 4", B: "12 3 3 3", C: "5 5", D: "2 5" };

function PinLine({ pin, lay, end, yMax }: { pin: Pin; lay: Layout; end: number; yMax: number }): JSX.Element | null {
  const curves = useAnswer<Curves>("/api/v1/curves", curvesOf(pin.state)).answer;
  if (!curves) return null;
  const context = pin.state.c > 0 ? clamp(pin.state.c, curves.axes.context_low, curves.axes.context_high) : curves.at.context;
  const most = Math.min(wall(curves, context), end);
  if (most < 1) return null;
  const { x, y, cost, second, bottom, top } = lay;
  const points = curveOf(curves, context, rentOf(curves, pin.state.p), most);
  const priced = points.filter((point) => point.usd !== null);
  // the letter stands where the line is still on its panel
  const seen = points.filter((point) => point.tpot_s * 1000 <= yMax).at(-1);
  const last = priced.at(-1);
  const dash = DASHES[pin.name] ?? "4 4";
  return (
    <g data-pin={pin.name}>
      <g clip-path="url(#blackboard-upper)"><path class="pinned-line" stroke-dasharray={dash} d={linePath(points.map((point) => [x(point.batch), y(point.tpot_s * 1000)] as const))} /></g>
      {seen && <text class="end-label halo" x={x(seen.batch) - 12} y={Math.max(top + 12, y(seen.tpot_s * 1000) - 7)}>{pin.name}</text>}
      <g clip-path="url(#blackboard-lower)"><path class="pinned-line" stroke-dasharray={dash} d={linePath(priced.map((point) => [x(point.batch), cost(point.usd as number)] as const))} /></g>
      {last && <text class="end-label halo" x={x(last.batch) - 12} y={clamp(cost(last.usd as number) - 7, second + 10, bottom - 4)}>{pin.name}</text>}
    </g>
  );
}

export function PinLines({ lay, end, yMax }: { lay: Layout; end: number; yMax: number }): JSX.Element {
  return <>{pins.value.map((pin) => <PinLine key={pin.name} pin={pin} lay={lay} end={end} yMax={yMax} />)}</>;
}

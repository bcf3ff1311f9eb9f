/** Curves, dots and rules over two axes: what most views draw. Lines are named at their ends, never in a legend. */

import type { ComponentChildren, JSX } from "preact";

import { AxisFlag, Diamond, PanelTitle, Plot, Ring, XAxis, YAxis } from "./Plot";
import { doublings, linear, linearTicks, log, logTicks, type Scale } from "./scales";
import { bandPath, dodge, linePath, place, textWidth, type Box } from "./shapes";

export interface AxisSpec {
  kind: "log" | "linear" | "doublings";
  domain: [number, number];
  text: (value: number) => string;
  /** Quantity; of the vertical axis it is the title over the panel. */
  name: string;
  unit?: string;
}

export interface Series {
  key: string;
  points: readonly (readonly [number, number])[];
  /** Class of the line: hue and weight; `result` is thick ink. */
  look?: string;
  dash?: string;
  label?: string;
}

export interface Dot {
  key: string;
  x: number;
  y: number;
  kind: "solid" | "open" | "diamond" | "ring" | "faint";
  label?: string;
}

export interface Rule {
  key: string;
  at: number;
  axis: "x" | "y";
  label?: string;
  look?: string;
  /** Which side is not allowed. */
  hatch?: "below" | "above";
}

export interface Sheet {
  x: Scale;
  y: Scale;
  left: number;
  right: number;
  top: number;
  bottom: number;
  narrow: boolean;
}

interface XYProps {
  id: string;
  width: number;
  height?: number;
  says: string;
  x: AxisSpec;
  y: AxisSpec;
  series?: readonly Series[];
  band?: readonly (readonly [number, number, number])[];
  dots?: readonly Dot[];
  rules?: readonly Rule[];
  flag?: { at: number; text: string } | null;
  cursor?: number | null;
  /** Room at the right for names of lines. */
  margin?: number;
  /** Where the axis begins, for panels that stand over one another. */
  left?: number;
  under?: (sheet: Sheet) => ComponentChildren;
  over?: (sheet: Sheet) => ComponentChildren;
  /** Handles: HTML over the picture. */
  handles?: (sheet: Sheet) => ComponentChildren;
}

const scaleOf = (axis: AxisSpec, range: [number, number]): Scale => (axis.kind === "linear" ? linear(axis.domain, range) : log(axis.domain, range));

function ticksOf(axis: AxisSpec, most: number): { value: number; text: string }[] {
  if (axis.kind === "linear") return linearTicks(axis.domain, most, axis.text);
  return axis.kind === "doublings" ? doublings(axis.domain, most, axis.text) : logTicks(axis.domain, most, axis.text);
}

function inside(axis: AxisSpec, value: number): boolean {
  return Number.isFinite(value) && value >= axis.domain[0] * 0.999 && value <= axis.domain[1] * 1.001;
}

/** Room for names at the right: of these lines, or what panels over one another share. */
function roomFor(series: readonly Series[], width: number, margin: number, narrow: boolean, shared: boolean): number {
  if (shared) return Math.min(margin, 104);
  const longest = Math.max(0, ...series.map((one) => (one.label ? textWidth(one.label, 14) + 20 : 0)));
  return narrow ? Math.min(Math.max(longest, 20), width * 0.4) : Math.max(margin, longest);
}

function sheetOf(width: number, height: number, x: AxisSpec, y: AxisSpec, margin: number, narrow: boolean, given?: number): Sheet {
  const left = given ?? 12 + Math.max(...ticksOf(y, 6).map((tick) => textWidth(tick.text)), 18);
  const right = width - margin;
  const top = 30;
  const bottom = height - 44;
  return { left, right, top, bottom, narrow, x: scaleOf(x, [left + 6, right - 2]), y: scaleOf(y, [bottom, top]) };
}

function RuleMark({ rule, sheet, id }: { rule: Rule; sheet: Sheet; id: string }): JSX.Element {
  const { x, y, left, right, top, bottom } = sheet;
  const look = rule.look ?? "limit";
  const fill = `url(#${id}-hatch)`;
  if (rule.axis === "x") {
    const at = x(rule.at);
    const end = at > (left + right) / 2;
    return (
      <g>
        {rule.hatch === "below" && <rect class="faint" x={left} y={top} width={Math.max(0, at - left)} height={bottom - top} fill={fill} />}
        {rule.hatch === "above" && <rect class="faint" x={at} y={top} width={Math.max(0, right - at)} height={bottom - top} fill={fill} />}
        <line class={look} x1={at} x2={at} y1={top} y2={bottom} />
        {rule.label && <text class="halo strong" x={at + (end ? -6 : 6)} y={bottom - 8} text-anchor={end ? "end" : "start"}>{rule.label}</text>}
      </g>
    );
  }
  const at = y(rule.at);
  return (
    <g>
      {rule.hatch === "above" && <rect class="faint" x={left} y={top} width={right - left} height={Math.max(0, at - top)} fill={fill} />}
      <line class={look} x1={left} x2={right} y1={at} y2={at} />
      {rule.label && <text class="halo strong" x={left + 26} y={at - 6}>{rule.label}</text>}
    </g>
  );
}

function DotMark({ dot, sheet }: { dot: Dot; sheet: Sheet }): JSX.Element {
  const x = sheet.x(dot.x);
  const y = sheet.y(dot.y);
  if (dot.kind === "diamond") return <Diamond x={x} y={y} />;
  if (dot.kind === "ring") return <Ring x={x} y={y} />;
  if (dot.kind === "solid") return <circle class="solid" cx={x} cy={y} r="6" />;
  return <circle class={dot.kind === "faint" ? "faint-dot" : "open-dot"} cx={x} cy={y} r={dot.kind === "faint" ? 2.5 : 4} />;
}

function Names({ series, sheet, y }: { series: readonly Series[]; sheet: Sheet; y: AxisSpec }): JSX.Element {
  const ends = series.filter((one) => one.label && one.points.length > 0).map((one) => {
    const last = one.points.at(-1) as readonly [number, number];
    const value = Math.min(Math.max(last[1], y.domain[0]), y.domain[1]);
    return { one, x0: sheet.x(last[0]), y0: sheet.y(value), y: sheet.y(value) };
  });
  return (
    <g>
      {dodge(ends, 16, sheet.top + 6, sheet.bottom - 2).map(({ one, x0, y0, y: at }) => (
        <g key={one.key}>
          {Math.abs(at - y0) > 3 && <path class={`leader ${one.look ?? "result"}-leader`} d={`M${x0 + 2} ${y0}L${x0 + 11} ${at}`} />}
          <text class={`end-label halo text-${(one.look ?? "").replace("line-", "")}`} x={x0 + 14} y={at + 4}>{one.label}</text>
        </g>
      ))}
    </g>
  );
}

export function XYChart(props: XYProps): JSX.Element {
  const { id, width, says, x, y, series = [], band, dots = [], rules = [], flag = null, cursor = null, margin = 110, under, over, handles } = props;
  const narrow = innerWidth <= 900 || width < 560;
  const height = props.height ?? (narrow ? 280 : 340);
  const sheet = sheetOf(width, height, x, y, roomFor(series, width, margin, narrow, props.left !== undefined), narrow, props.left);
  const { left, right, top, bottom } = sheet;
  const taken: Box[] = [];
  const named = dots.filter((dot) => inside(x, dot.x) && inside(y, dot.y));
  const at = flag ? sheet.x(flag.at) : null;
  return (
    <>
      <Plot id={id} width={width} height={height} says={says}>
        <clipPath id={`${id}-clip`}><rect x={left} y={top - 2} width={right - left + 2} height={bottom - top + 4} /></clipPath>
        <YAxis scale={sheet.y} ticks={ticksOf(y, narrow ? 4 : 6)} from={left} to={right} />
        {under?.(sheet)}
        {rules.filter((rule) => inside(rule.axis === "x" ? x : y, rule.at)).map((rule) => <RuleMark key={rule.key} rule={rule} sheet={sheet} id={id} />)}
        <g clip-path={`url(#${id}-clip)`}>
          {band && <path class="band" d={bandPath(band.map(([a, low, high]) => [sheet.x(a), sheet.y(low), sheet.y(high)] as const))} />}
          {series.map((one) => (
            <path key={one.key} class={`line ${one.look ?? "result"}`} stroke-dasharray={one.dash} d={linePath(one.points.map(([a, b]) => [sheet.x(a), sheet.y(b)] as const))} />
          ))}
        </g>
        {cursor !== null && <line class="cursor" x1={sheet.x(cursor)} x2={sheet.x(cursor)} y1={top} y2={bottom + 6} />}
        {named.map((dot) => <DotMark key={dot.key} dot={dot} sheet={sheet} />)}
        {named.filter((dot) => dot.label).map((dot) => {
          const spot = place(sheet.x(dot.x), sheet.y(dot.y), dot.label as string, taken, { x0: left, y0: top - 14, x1: width, y1: bottom }, dot.kind === "ring" ? 9 : dot.kind === "solid" ? 6 : 4);
          return spot && <text key={dot.key} class="halo strong" x={spot.x} y={spot.y} text-anchor={spot.anchor}>{dot.label}</text>;
        })}
        <Names series={series} sheet={sheet} y={y} />
        {over?.(sheet)}
        <XAxis scale={sheet.x} ticks={ticksOf(x, narrow ? 4 : 9)} from={left} to={right} y={bottom} name={x.name} avoid={at} />
        {flag && at !== null && <AxisFlag x={at} y={bottom} text={flag.text} />}
        <PanelTitle y={14} name={y.name} unit={textWidth(`${y.name} ${y.unit ?? ""}`, 13.5) > width - (narrow ? 116 : 180) ? "" : (y.unit ?? "")} />
      </Plot>
      {handles?.(sheet)}
    </>
  );
}

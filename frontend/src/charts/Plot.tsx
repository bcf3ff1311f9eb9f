/** The sheet that a chart is drawn on, its axes and titles. Anything that can be moved is HTML over it. */

import type { ComponentChildren, JSX } from "preact";

import type { Scale, Tick } from "./scales";

export interface PlotProps {
  id: string;
  width: number;
  height: number;
  /** What the chart shows, for those who hear it. */
  says: string;
  children: ComponentChildren;
}

export function Plot({ id, width, height, says, children }: PlotProps): JSX.Element {
  return (
    <svg class="plot" role="img" aria-label={says} width={width} height={height} viewBox={`0 0 ${width} ${height}`} data-plot={id}>
      <defs>
        <pattern id={`${id}-hatch`} width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <line class="hatch" x1="0" y1="0" x2="0" y2="7" />
        </pattern>
      </defs>
      {children}
    </svg>
  );
}

export function PanelTitle({ y, name, unit }: { y: number; name: string; unit: string }): JSX.Element {
  return (
    <text class="panel-title halo" x="0" y={y}>
      {name} <tspan class="panel-unit">{unit}</tspan>
    </text>
  );
}

interface AxisProps {
  scale: Scale;
  ticks: readonly Tick[];
  from: number;
  to: number;
  grid?: boolean;
}

/** Ticks at the left, and the lines of the grid over the panel. */
export function YAxis({ scale, ticks, from, to, grid = true }: AxisProps): JSX.Element {
  return (
    <g>
      {ticks.map((tick) => (
        <g key={tick.value}>
          {grid && <line class="grid" x1={from} x2={to} y1={scale(tick.value)} y2={scale(tick.value)} />}
          <text class="tick" x={from - 8} y={scale(tick.value) + 4} text-anchor="end">
            {tick.text}
          </text>
        </g>
      ))}
    </g>
  );
}

interface XAxisProps extends AxisProps {
  y: number;
  top?: number;
  name?: string;
  /** Where a tick would stand under the label of the moved point. */
  avoid?: number | null;
}

export function XAxis({ scale, ticks, from, to, y, top, name, avoid = null, grid = false }: XAxisProps): JSX.Element {
  return (
    <g>
      {grid && top !== undefined && ticks.map((tick) => (
        <line key={tick.value} class="grid" x1={scale(tick.value)} x2={scale(tick.value)} y1={top} y2={y} />
      ))}
      <line class="axis" x1={from} x2={to} y1={y} y2={y} />
      {ticks.filter((tick) => avoid === null || Math.abs(scale(tick.value) - avoid) > 26).map((tick) => (
        <text key={tick.value} class="tick" x={scale(tick.value)} y={y + 18} text-anchor="middle">
          {tick.text}
        </text>
      ))}
      {name && (
        <text class="tick" x={to} y={y + 38} text-anchor="end">
          {name}
        </text>
      )}
    </g>
  );
}

/** Black flag on an axis with the value of the moved point. */
export function AxisFlag({ x, y, text }: { x: number; y: number; text: string }): JSX.Element {
  const width = Math.max(40, text.length * 8 + 14);
  return (
    <g>
      <rect class="flag" x={x - width / 2} y={y + 4} width={width} height="20" rx="4" />
      <text class="flag-text" x={x} y={y + 18} text-anchor="middle">
        {text}
      </text>
    </g>
  );
}

export const Ring = ({ x, y, r = 7 }: { x: number; y: number; r?: number }): JSX.Element => <circle class="ring" cx={x} cy={y} r={r} />;

export const Diamond = ({ x, y, r = 6 }: { x: number; y: number; r?: number }): JSX.Element => (
  <path class="diamond" d={`M${x} ${y - r}L${x + r} ${y}L${x} ${y + r}L${x - r} ${y}Z`} />
);

/** Before and after the evidence: what holds 50 and 80 % of the draws. */

import type { JSX } from "preact";

import type { Sheet } from "../../charts/XYChart";
import { contour, levelOf, middle, smooth, type Grid } from "./contour";
import type { Density } from "./types";

interface Outline {
  path: string;
  /** Its rightmost, leftmost and lowest places, for names. */
  right: readonly [number, number];
  left: readonly [number, number];
  foot: readonly [number, number];
}

function outline(sheet: Sheet, density: Density, grid: Grid, share: number): Outline | null {
  const soft = smooth(grid);
  const pieces = contour(soft, levelOf(soft, share)).map((piece) => piece.map(([x, y]) => [sheet.x(middle(density.x, x)), sheet.y(middle(density.y, y))] as const));
  const all = pieces.flat();
  if (all.length === 0) return null;
  const path = pieces.map(([a, b]) => `M${a?.[0].toFixed(1)} ${a?.[1].toFixed(1)}L${b?.[0].toFixed(1)} ${b?.[1].toFixed(1)}`).join("");
  const foot = all.reduce((a, b) => (b[1] > a[1] ? b : a));
  const [right, left] = [all.reduce((a, b) => (b[0] > a[0] ? b : a)), all.reduce((a, b) => (b[0] < a[0] ? b : a))];
  return { path, right, left, foot };
}

/** Cells of the posterior, the fuller the more draws. */
function Cells({ sheet, density }: { sheet: Sheet; density: Density }): JSX.Element {
  const grid = smooth(density.posterior);
  const most = Math.max(...grid.flat());
  const cells = grid.flatMap((row, y) => row.map((value, x) => ({ x, y, value }))).filter((cell) => cell.value > most * 0.04);
  return (
    <g class="cells">
      {cells.map(({ x, y, value }) => {
        const [x0, x1] = [sheet.x(middle(density.x, x - 0.5)), sheet.x(middle(density.x, x + 0.5))];
        const [y0, y1] = [sheet.y(middle(density.y, y + 0.5)), sheet.y(middle(density.y, y - 0.5))];
        return <rect key={`${x} ${y}`} x={x0} y={y0} width={x1 - x0 + 0.3} height={y1 - y0 + 0.3} fill-opacity={(0.34 * value) / most} />;
      })}
    </g>
  );
}

export function Regions({ sheet, density }: { sheet: Sheet; density: Density }): JSX.Element {
  const [before50, before80] = [0.5, 0.8].map((share) => outline(sheet, density, density.prior, share));
  const [after50, after80] = [0.5, 0.8].map((share) => outline(sheet, density, density.posterior, share));
  return (
    <g clip-path="url(#deduce-clip)">
      <Cells sheet={sheet} density={density} />
      {before80 && <path class="prior" d={before80.path} />}
      {before50 && <path class="prior inner" d={before50.path} />}
      {after80 && <path class="region80" d={after80.path} />}
      {after50 && <path class="region50" d={after50.path} />}
      {before50 && <text class="halo" x={Math.max(sheet.left + 6, before50.left[0] - 4)} y={Math.min(sheet.bottom - 8, before50.foot[1] + 20)}>before the facts</text>}
      {after80 && <text class="end-label halo text-weights" x={after80.foot[0] + 8} y={Math.min(sheet.bottom - 6, after80.foot[1] + 16)}>80 %</text>}
      {after50 && <text class="end-label halo text-weights" x={after50.foot[0] + 8} y={after50.foot[1] - 6}>50 %</text>}
    </g>
  );
}

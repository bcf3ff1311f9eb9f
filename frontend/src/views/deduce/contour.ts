/** Outlines of the cells of a density that hold a share of all draws. */

export type Grid = readonly (readonly number[])[];
export type Segment = readonly [readonly [number, number], readonly [number, number]];

/** The value from which on cells, taken together, hold `share` of the whole. */
export function levelOf(grid: Grid, share: number): number {
  const ordered = grid.flat().sort((a, b) => b - a);
  const whole = ordered.reduce((sum, one) => sum + one, 0);
  let summed = 0;
  for (const value of ordered) {
    summed += value;
    if (summed >= share * whole) return value;
  }
  return 0;
}

/** Cells weighed with their neighbours: a grid of draws is rough where draws are few. */
export function smooth(grid: Grid): number[][] {
  const rows = grid.length;
  const columns = grid[0]?.length ?? 0;
  const at = (row: number, column: number): number => grid[Math.min(rows - 1, Math.max(0, row))]?.[Math.min(columns - 1, Math.max(0, column))] ?? 0;
  const weights = [1, 2, 1];
  return grid.map((line, row) => line.map((_, column) => {
    let sum = 0;
    for (let y = -1; y <= 1; y += 1) for (let x = -1; x <= 1; x += 1) sum += at(row + y, column + x) * (weights[y + 1] as number) * (weights[x + 1] as number);
    return sum / 16;
  }));
}

/** Where a grid crosses a level, in columns and rows: straight pieces of each square of four middles; outside is 0. */
export function contour(grid: Grid, level: number): Segment[] {
  const rows = grid.length;
  const columns = grid[0]?.length ?? 0;
  const at = (row: number, column: number): number => grid[row]?.[column] ?? 0;
  const found: Segment[] = [];
  for (let row = -1; row < rows; row += 1) {
    for (let column = -1; column < columns; column += 1) {
      const corners = [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]] as const;
      const values = corners.map(([x, y]) => at(y, x) - level);
      const crossings: [number, number][] = [];
      for (let edge = 0; edge < 4; edge += 1) {
        const [a, b] = [values[edge] as number, values[(edge + 1) % 4] as number];
        if (a >= 0 === b >= 0) continue;
        const [[x0, y0], [x1, y1]] = [corners[edge] as readonly [number, number], corners[(edge + 1) % 4] as readonly [number, number]];
        const part = a / (a - b);
        crossings.push([x0 + (x1 - x0) * part, y0 + (y1 - y0) * part]);
      }
      for (let pair = 0; pair + 1 < crossings.length; pair += 2) found.push([crossings[pair] as [number, number], crossings[pair + 1] as [number, number]]);
    }
  }
  return found;
}

/** The value at a place between the middles of cells, which are even in logarithms. */
export function middle(values: readonly number[], at: number): number {
  const first = Math.log(values[0] ?? 1);
  const step = values.length > 1 ? Math.log(values[1] ?? 1) - first : 0;
  return Math.exp(first + step * at);
}

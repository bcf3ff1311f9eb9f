/** What requests see, between the knots that Python computed: straight lines in the logarithms of all three. */

import type { Curves, Surfaces } from "./types";

function cell(knots: readonly number[], value: number): [number, number] {
  let low = 0;
  let high = knots.length - 1;
  if (high === 0) return [0, 0];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((knots[middle] as number) <= value) low = middle;
    else high = middle;
  }
  const from = knots[low] as number;
  const to = knots[low + 1] as number;
  const share = Math.log(value / from) / Math.log(to / from);
  return [low, Math.min(1, Math.max(0, share))];
}

const logs = new WeakMap<object, readonly (readonly number[])[]>();

function logarithms(rows: readonly (readonly number[])[]): readonly (readonly number[])[] {
  let found = logs.get(rows);
  if (!found) {
    found = rows.map((row) => row.map((value) => Math.log(value)));
    logs.set(rows, found);
  }
  return found;
}

export function surfaceAt(surfaces: Surfaces, name: string, batch: number, newTokens: number): number {
  const rows = surfaces.values[name];
  if (!rows) return NaN;
  const table = logarithms(rows);
  const [row, down] = cell(surfaces.batches, batch);
  const [column, along] = cell(surfaces.new_tokens, newTokens);
  const at = (i: number, j: number): number => {
    const line = table[Math.min(i, table.length - 1)] as readonly number[];
    return line[Math.min(j, line.length - 1)] as number;
  };
  const first = at(row, column) * (1 - along) + at(row, column + 1) * along;
  const second = at(row + 1, column) * (1 - along) + at(row + 1, column + 1) * along;
  return Math.exp(first * (1 - down) + second * down);
}

/** A mean context as the prompt it comes from: half of the answer stands in the cache on average. */
export function newTokensOf(curves: Curves, context: number): number {
  return Math.max(1, context - curves.at.osl / 2 - curves.at.prefix);
}

/** Paths of curves and areas, and labels that do not overlap. */

import { area, curveLinear, line } from "d3-shape";

export type Point = readonly [number, number];

const lines = line<Point>((p) => p[0], (p) => p[1]).curve(curveLinear).digits(1);
const areas = area<readonly [number, number, number]>((p) => p[0], (p) => p[1], (p) => p[2]).digits(1);

export function linePath(points: readonly Point[]): string {
  return lines(points as Point[]) ?? "";
}

/** The area between two curves: x, lower y, upper y. */
export function bandPath(points: readonly (readonly [number, number, number])[]): string {
  return areas(points as [number, number, number][]) ?? "";
}

export interface Label {
  y: number;
}

/** Push labels apart until they are `height` from each other, inside low to high; the order stays. */
export function dodge<L extends Label>(labels: readonly L[], height: number, low: number, high: number): L[] {
  const moved = labels.map((label) => ({ ...label })).sort((a, b) => a.y - b.y);
  for (let turn = 0; turn < 80; turn += 1) {
    let still = true;
    for (let index = 1; index < moved.length; index += 1) {
      const above = moved[index - 1] as L;
      const below = moved[index] as L;
      const missing = height - (below.y - above.y);
      if (missing > 0.1) {
        above.y -= missing / 2;
        below.y += missing / 2;
        still = false;
      }
    }
    for (const label of moved) {
      const y = Math.min(high, Math.max(low, label.y));
      if (y !== label.y) {
        label.y = y;
        still = false;
      }
    }
    if (still) break;
  }
  return moved;
}

/** Width of a text in the chart's type, near enough to place it. */
export const textWidth = (text: string, size = 12): number => text.length * size * 0.54;

export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export const overlaps = (a: Box, b: Box): boolean => a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;

/** Where a label beside a point can stand without covering others; null where it cannot. */
export function place(x: number, y: number, text: string, taken: Box[], inside: Box, radius = 4): { x: number; y: number; anchor: "start" | "end" } | null {
  const width = textWidth(text, 12.5);
  for (const dy of [4, -8, 16]) {
    for (const side of [1, -1]) {
      const x0 = side > 0 ? x + radius + 4 : x - radius - 4 - width;
      const box = { x0, y0: y + dy - 11, x1: x0 + width, y1: y + dy + 3 };
      if (box.x0 < inside.x0 || box.x1 > inside.x1 || box.y0 < inside.y0 || box.y1 > inside.y1) continue;
      if (taken.some((other) => overlaps(box, other))) continue;
      taken.push(box);
      return { x: x + side * (radius + 4), y: y + dy, anchor: side > 0 ? "start" : "end" };
    }
  }
  return null;
}

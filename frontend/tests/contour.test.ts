import { describe, expect, it } from "vitest";

import { contour, levelOf, middle, smooth } from "../src/views/deduce/contour";

const hill = Array.from({ length: 21 }, (_, y) => Array.from({ length: 21 }, (_, x) => Math.exp(-((x - 10) ** 2 + (y - 10) ** 2) / 18)));

describe("the outline of a density", () => {
  it("holds its share", () => {
    const level = levelOf(hill, 0.5);
    const inside = hill.flat().filter((one) => one >= level).reduce((sum, one) => sum + one, 0);
    const share = inside / hill.flat().reduce((sum, one) => sum + one, 0);
    // a whole ring of equal cells at a time
    expect(share).toBeGreaterThanOrEqual(0.5);
    expect(share).toBeLessThan(0.6);
    expect(levelOf(hill, 0.8)).toBeLessThan(level);
  });
  it("is a circle around a round hill", () => {
    const radii = contour(hill, Math.exp(-16 / 18)).flat().map(([x, y]) => Math.hypot(x - 10, y - 10));
    expect(Math.min(...radii)).toBeGreaterThan(3.9);
    expect(Math.max(...radii)).toBeLessThan(4.1);
  });
  it("closes at the edge of the grid", () => {
    expect(contour([[1]], 0.5)).toHaveLength(4);
  });
  it("keeps the whole when smoothed, and steps evenly in logarithms", () => {
    const whole = (grid: readonly (readonly number[])[]): number => grid.flat().reduce((sum, one) => sum + one, 0);
    expect(whole(smooth(hill)) / whole(hill)).toBeCloseTo(1, 3);
    expect(middle([1, 10, 100], 1.5)).toBeCloseTo(10 ** 1.5, 9);
  });
});

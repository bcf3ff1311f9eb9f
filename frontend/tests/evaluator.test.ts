/** Python's own answers, evaluated here: the two may differ by what Python states, no more. */

import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { partsAt, roomAt } from "../src/evaluator/step";
import { newTokensOf, surfaceAt } from "../src/evaluator/surface";
import type { Curves } from "../src/evaluator/types";

interface Golden {
  cases: {
    request: Record<string, unknown>;
    curves: Curves;
    points: {
      batch: number; context: number; own: boolean; room: number; decode_step_s: number; weights_s: number; kv_s: number; compute_s: number; communication_s: number;
      tpot_s: number; ttft_s: number; output_usd_per_mtok: number;
    }[];
  }[];
}

const file = new URL("../../tests/web/golden/curves.json", import.meta.url);
const golden = JSON.parse(readFileSync(file, "utf8")) as Golden;
const STEP_OFF = 1e-3;

const off = (here: number, there: number): number => (there === 0 ? Math.abs(here) : Math.abs(here / there - 1));

describe.each(golden.cases.map((one) => [JSON.stringify(one.request), one] as const))("%s", (_, one) => {
  const { curves } = one;

  it.each(one.points)("batch $batch, context $context: the step and its parts", (point) => {
    const parts = partsAt(curves.step, point.batch, point.context);
    expect(off(parts.step_s, point.decode_step_s)).toBeLessThan(STEP_OFF);
    expect(off(parts.weights_s, point.weights_s)).toBeLessThan(STEP_OFF);
    expect(off(parts.kv_s, point.kv_s)).toBeLessThan(STEP_OFF);
    expect(off(parts.compute_s, point.compute_s)).toBeLessThan(STEP_OFF);
    expect(off(parts.network_s, point.communication_s)).toBeLessThan(STEP_OFF);
  });

  it.each(one.points)("batch $batch, context $context: memory holds exactly as much", (point) => {
    expect(roomAt(curves.memory, point.context)).toBe(point.room);
  });

  it.each(one.points.filter((point) => point.own))("batch $batch: what requests see", (point) => {
    const fresh = newTokensOf(curves, point.context);
    // a hundredth above what Python states: it rounds the knots to six digits
    const most = curves.served.error * 1.01 + 1e-5;
    for (const name of ["tpot_s", "ttft_s", "output_usd_per_mtok"] as const) {
      expect(off(surfaceAt(curves.served, name, point.batch, fresh), point[name])).toBeLessThan(most);
    }
  });
});

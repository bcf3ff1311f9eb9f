/** The operating point of a scenario, and how far it may be moved: all from one answer of the server. */

import { clamp, logSpace } from "../charts/scales";
import { partsAt, roomAt, type Parts } from "./step";
import { newTokensOf, surfaceAt } from "./surface";
import type { Curves } from "./types";

export interface Point extends Parts {
  batch: number;
  tpot_s: number;
  ttft_s: number;
  low_s: number;
  high_s: number;
  usd: number | null;
  usdLow: number | null;
  usdHigh: number | null;
}

/** Dollars for an hour of one GPU: what was typed, or the rent that the catalogue knows. */
export function rentOf(curves: Curves, typed: number): number | null {
  return typed > 0 ? typed : (curves.rent?.usd_per_gpu_h ?? null);
}

export function pointAt(curves: Curves, batch: number, context: number, rent: number | null): Point {
  const fresh = newTokensOf(curves, context);
  const parts = partsAt(curves.step, batch, context);
  const tpot = surfaceAt(curves.served, "tpot_s", batch, fresh);
  const range = curves.ranges["tpot"] ?? { low: 1, high: 1 };
  const bound = partsAt(curves.bound, batch, context).step_s / curves.tokens_per_step;
  const throughput = curves.ranges["throughput"] ?? { low: 1, high: 1 };
  const usd = rent === null ? null : surfaceAt(curves.served, "output_usd_per_mtok", batch, fresh) * rent;
  return {
    ...parts,
    batch,
    tpot_s: tpot,
    ttft_s: surfaceAt(curves.served, "ttft_s", batch, fresh),
    // no run beats the bound, so no range goes below it
    low_s: Math.min(tpot, Math.max(tpot * range.low, bound)),
    high_s: tpot * range.high,
    usd,
    usdLow: usd === null ? null : usd / throughput.high,
    usdHigh: usd === null ? null : usd / throughput.low,
  };
}

/** Batches of one replica that memory holds at this context; 0 where not even one. */
export function wall(curves: Curves, context: number): number {
  return Math.floor(roomAt(curves.memory, context) / Math.max(1, curves.layout.pp));
}

/** People served when each replica decodes `batch` at once. */
export function usersOf(curves: Curves, batch: number): number {
  return batch * curves.layout.pp * curves.replicas;
}

/** Points of the curves from one sequence to the wall or the end of the axis. */
export function curveOf(curves: Curves, context: number, rent: number | null, end: number, count = 72): Point[] {
  return logSpace(1, Math.max(1, end), count).map((batch) => pointAt(curves, batch, context, rent));
}

/** The largest whole batch that keeps a token within `limit_s`; null where not even one does. */
export function batchWithin(curves: Curves, context: number, limit_s: number, end: number): number | null {
  const tpot = (batch: number): number => surfaceAt(curves.served, "tpot_s", batch, newTokensOf(curves, context));
  if (end < 1 || tpot(1) > limit_s) return null;
  let low = 1;
  let high = Math.max(1, Math.floor(end));
  if (tpot(high) <= limit_s) return high;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (tpot(middle) <= limit_s) low = middle;
    else high = middle;
  }
  return low;
}

/** The power of two that holds every batch that memory allows at the shortest context: an axis that stays put. */
export function batchAxis(curves: Curves): number {
  return 2 ** Math.ceil(Math.log2(clamp(wall(curves, curves.at.context) * 1.3, 8, 65536)));
}

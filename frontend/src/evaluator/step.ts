/** A decode step from Python's coefficients: sums, maxima and norms, and nothing that Python does not say. */

import type { Memory, Row, Step, Terms, Variable } from "./types";

export interface Parts {
  step_s: number;
  weights_s: number;
  kv_s: number;
  compute_s: number;
  network_s: number;
  launches_s: number;
}

/** Tokens of a context that one new token looks at. */
function seen(variable: Variable, context: number): number {
  switch (variable.rule) {
    case "window":
      return Math.min(context, variable.size);
    case "chunk":
      return context - variable.size * Math.max(0, Math.ceil(context / variable.size) - 1);
    case "sqrt":
      return Math.sqrt(context);
    case "full":
      return context;
    default:
      return 1;
  }
}

function between(points: Variable["points"], batch: number): number {
  let low = 0;
  let high = points.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((points[middle] as readonly [number, number])[0] <= batch) low = middle;
    else high = middle;
  }
  const [x0, y0] = points[low] as readonly [number, number];
  const [x1, y1] = points[high] as readonly [number, number];
  if (x1 === x0) return y0;
  const share = Math.min(1, Math.max(0, (batch - x0) / (x1 - x0)));
  return y0 + (y1 - y0) * share;
}

export function variablesAt(step: Step, batch: number, context: number): number[] {
  return step.variables.map((variable) => {
    if (variable.points.length > 0) return between(variable.points, batch);
    return Math.max(variable.slope * batch, variable.floor) * seen(variable, context);
  });
}

export function form(terms: Terms, values: readonly number[]): number {
  let total = 0;
  for (const [position, coefficient] of terms) total += coefficient * (values[position] as number);
  return total;
}

function joined(compute: number, memory: number, sharpness: number | null): number {
  if (sharpness === null) return Math.max(compute, memory);
  if (sharpness <= 1) return compute + memory;
  const larger = Math.max(compute, memory);
  return larger === 0 ? 0 : larger * (1 + (Math.min(compute, memory) / larger) ** sharpness) ** (1 / sharpness);
}

/** Seconds of all runs of one operator, what every kernel costs included. */
export function rowSeconds(row: Row, values: readonly number[]): number {
  return joined(form(row.compute_s, values), form(row.memory_s, values), row.sharpness) + row.fixed_s;
}

/** Seconds of all collectives that run beside the work of the other half of the batch, or of all others. */
function linkSeconds(step: Step, values: readonly number[], beside: boolean): number {
  let total = 0;
  for (const link of step.links) {
    if (link.beside !== beside) continue;
    const size = form(link.size, values);
    let best = Infinity;
    for (const line of link.lines) {
      if (line.max_bytes === null || size <= line.max_bytes) best = Math.min(best, line.latency_s + size * line.s_per_byte);
    }
    total += link.count * (link.wait_s + best);
  }
  return total;
}

/** The parts are each alone: they overlap and do not add up to the step. */
export function partsAt(step: Step, batch: number, context: number): Parts {
  const values = variablesAt(step, batch, context);
  let roofs = 0;
  let fixed = 0;
  for (const row of step.rows) {
    roofs += joined(form(row.compute_s, values), form(row.memory_s, values), row.sharpness);
    fixed += row.fixed_s;
  }
  const shown = linkSeconds(step, values, false);
  const beside = linkSeconds(step, values, true);
  const host = step.host_s + step.host_per_batch_s * batch;
  const work = Math.max(roofs + (1 - step.overlap) * shown, shown) + fixed;
  const pass = Math.max(work, beside) + host;
  return {
    step_s: pass * step.rounds,
    weights_s: form(step.weights, values) * step.rounds,
    kv_s: form(step.kv, values) * step.rounds,
    compute_s: form(step.compute, values) * step.rounds,
    network_s: (shown + beside) * step.rounds,
    launches_s: (host + fixed) * step.rounds,
  };
}

/** Bytes that a sequence of `context` tokens takes on one GPU, in whole pages. */
export function sequenceBytes(memory: Memory, context: number): number {
  const page = Math.max(1, memory.page_tokens);
  const tokens = Math.ceil((context + memory.beyond) / page) * page;
  let total = memory.state_bytes;
  for (const term of memory.terms) total += term.bytes_per_token * (term.keeps === null ? tokens : Math.min(tokens, term.keeps));
  return total;
}

/** Sequences that one replica holds. */
export function roomAt(memory: Memory, context: number): number {
  const each = sequenceBytes(memory, context);
  const fit = each > 0 ? Math.floor(memory.pool_bytes / each) : Infinity;
  return Math.min(memory.most, memory.groups * fit);
}

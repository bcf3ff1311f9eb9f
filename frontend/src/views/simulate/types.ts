/** What /api/v1/simulate answers, as far as the view reads it. */

export interface Percentiles {
  mean: number;
  p50: number;
  p90: number;
  p99: number;
}

export interface Simulated {
  model_name: string;
  system_name: string;
  layout_label: string;
  source: string;
  requests: number;
  counted: number;
  rejected: number;
  duration_s: number;
  request_rate: number;
  requests_per_s: number;
  ttft: Percentiles;
  tpot: Percentiles | null;
  itl: Percentiles | null;
  e2e: Percentiles;
  batch: number;
  kv_fill: number;
  kv_fill_most: number;
  waiting_most: number;
  preemptions: number;
  output_usd_per_mtok: number | null;
  overload: string | null;
  closed_form: null | { ttft_s: number; tpot_s: number; e2e_s: number; saturated: boolean };
  series: { width_s: number; busy: readonly number[]; batch: readonly number[]; kv_fill: readonly number[]; waiting: readonly number[]; running: readonly number[] };
  warnings: readonly string[];
  sentence: string;
}

/** At most `most` points of a series: the largest of each stretch, so that no peak is lost. */
export function thinned(values: readonly number[], width_s: number, most = 400): [number, number][] {
  const every = Math.max(1, Math.ceil(values.length / most));
  const found: [number, number][] = [];
  for (let from = 0; from < values.length; from += every) {
    found.push([from * width_s, Math.max(...values.slice(from, from + every))]);
  }
  return found;
}

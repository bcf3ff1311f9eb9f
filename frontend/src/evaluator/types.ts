/** What /api/v1/curves answers: the contract is docs/dev/web.md, the numbers are Python's. */

export type Terms = readonly (readonly [number, number])[];

export interface Variable {
  name: string;
  slope: number;
  floor: number;
  rule: string;
  size: number;
  points: readonly (readonly [number, number])[];
}

export interface Row {
  name: string;
  kind: string;
  rate: string;
  format: string;
  compute_s: Terms;
  memory_s: Terms;
  sharpness: number | null;
  fixed_s: number;
  flops: Terms;
  weight_bytes: Terms;
  kv_bytes: Terms;
  activation_bytes: Terms;
}

export interface LinkRow {
  name: string;
  kind: string;
  size: Terms;
  lines: readonly { latency_s: number; s_per_byte: number; max_bytes: number | null }[];
  count: number;
  wait_s: number;
  beside: boolean;
}

export interface Step {
  variables: readonly Variable[];
  rows: readonly Row[];
  links: readonly LinkRow[];
  compute: Terms;
  weights: Terms;
  kv: Terms;
  activations: Terms;
  overlap: number;
  host_s: number;
  host_per_batch_s: number;
  rounds: number;
}

export interface Memory {
  pool_bytes: number;
  page_tokens: number;
  beyond: number;
  state_bytes: number;
  terms: readonly { bytes_per_token: number; keeps: number | null }[];
  groups: number;
  most: number;
}

export interface Surfaces {
  batches: readonly number[];
  new_tokens: readonly number[];
  values: Readonly<Record<string, readonly (readonly number[])[]>>;
  error: number;
  error_away: number;
}

export interface MeasuredRun {
  layout_label: string;
  concurrency: number;
  batch: number;
  tpot_s: number | null;
  ttft_s: number | null;
  output_tokens_per_s_per_gpu: number | null;
  engine: string;
  source: string;
  as_of: string;
  fitted: boolean;
  /** In what it is not the scenario; empty where it is. */
  differs: readonly string[];
}

export interface Reason {
  field: string;
  value: unknown;
  reason: string;
}

export interface Curves {
  model: string;
  model_name: string;
  system: string;
  system_name: string;
  gpus: number;
  layout: Record<string, unknown> & { pp: number; tp: number; dp: number; ep: number };
  layout_label: string;
  replicas: number;
  engine: string;
  profile: string;
  claim: string;
  weight_dtype: string;
  kv_dtype: string;
  at: { batch: number; context: number; isl: number; osl: number; prefix: number };
  axes: { batch_low: number; batch_high: number; context_low: number; context_high: number };
  step: Step;
  bound: Step;
  memory: Memory;
  served: Surfaces;
  ranges: Readonly<Record<string, { low: number; high: number }>>;
  rent: { usd_per_gpu_h: number; low_usd_per_gpu_h: number; high_usd_per_gpu_h: number; source: string } | null;
  tokens_per_step: number;
  drain_s: number;
  chip_flops_per_s: Readonly<Record<string, number>>;
  chip_bytes_per_s: number;
  measured: readonly MeasuredRun[];
  defaults: readonly Reason[];
  left_out: readonly string[];
  warnings: readonly string[];
  versions?: { package: string };
}

/** What /api/v1/plan answers, as far as the views read it. */

export interface Deployment {
  system: string;
  mode: string;
  label: string;
  weights: string;
  kv: string;
  chunk: number;
  drafts: number;
  units: number;
  systems: number;
  gpus: number;
  gpus_paid: number;
  concurrency: number;
  ttft_s: number;
  tpot_s: number;
  tokens_per_s_per_user: number;
  requests_per_s: number;
  output_tokens_per_s_per_gpu: number;
  usd_per_mtok_output: number | null;
  usd_per_mtok_all: number | null;
  usd_per_month: number | null;
  energy: null | { watts_per_gpu: { value: number; low: number; high: number } };
  margins: Record<string, number>;
  chances: Record<string, number>;
  limit: string;
  low: number;
  high: number;
}

export interface FrontierPoint {
  tokens_per_s_per_user: number;
  output_tokens_per_s_per_gpu: number;
  usd_per_mtok_all: number | null;
  ttft_s: number;
  tpot_s: number;
  label: string;
  kv: string;
  concurrency: number;
  gpus: number;
  meets: boolean;
}

export interface Machine {
  system: string;
  system_name: string;
  gpus: number;
  usd_per_gpu_h: number | null;
  price_source: string;
  claim_level: string;
  equal_within: { layouts: number; formats: number; roles: number };
  search: { combinations: number; points: number; points_met: number; rejected: [string, number][]; engine_refused: [string, number][] };
  winner: Deployment | null;
  runner_ups: readonly Deployment[];
  frontier: readonly FrontierPoint[];
  unmet: null | { reason: string; changes: readonly string[] };
  notes: readonly string[];
}

export interface PlanAnswer {
  model_name: string;
  slo: { ttft_s: number | null; tpot_s: number | null };
  machines: readonly Machine[];
  winner: Deployment | null;
  flags: readonly (readonly [string, string])[];
  left_out: readonly string[];
  defaults: readonly { field: string; value: unknown; reason: string }[];
  versions?: { package: string };
}

export const shown = (label: string): string => label.toUpperCase();

/** How much dearer one deployment is than another, as a share; null where either has no price. */
export function worse(one: Deployment, than: Deployment): number {
  if (one.usd_per_mtok_all && than.usd_per_mtok_all) return one.usd_per_mtok_all / than.usd_per_mtok_all - 1;
  return than.output_tokens_per_s_per_gpu / one.output_tokens_per_s_per_gpu - 1;
}

/** Within what the prediction cannot tell apart: layouts share most of their error, other formats less. */
export function equal(one: Deployment, winner: Deployment, within: Machine["equal_within"]): boolean {
  const limit = one.mode !== winner.mode ? within.roles : one.kv !== winner.kv || one.weights !== winner.weights ? within.formats : within.layouts;
  return Math.abs(worse(one, winner)) <= limit;
}

/** What /api/v1/compare answers, as far as the view reads it. */

interface Ranged { value: number; low: number; high: number; bound: number | null }

export interface ComparedNumber {
  quantity: string;
  metric: string;
  measured: number;
  predicted: Ranged;
  verdict: string;
}

interface Part { name: string; time_s: number; evidence: string; kind: string }

export interface ComparedRun {
  file: string;
  line: number;
  what: string;
  layout_label: string;
  load: string;
  running: number;
  isl: number;
  osl: number;
  numbers: readonly ComparedNumber[];
  verdict: string;
  roofline: null | { mfu: number | null; mbu: number | null };
  tpot_parts: readonly Part[];
  ttft_parts: readonly Part[];
  reason: string;
}

export interface CurvePoint { concurrency: number; tpot: Ranged }

/** What /api/v1/calibrate answers, as far as the view reads it. */
export interface Calibrated {
  calibration: {
    sentence: string;
    kept: string;
    widths: readonly { metric: string; n: number; shipped_error: number; fitted_error: number; held_out_error: number | null; shipped_width: number; width: number }[];
    factors: readonly { words: string; value: number; moved: boolean }[];
  };
  curve: readonly CurvePoint[];
}

export interface Compared {
  sentence: string;
  runs: readonly ComparedRun[];
  curve?: readonly CurvePoint[];
  hints?: readonly { pattern: string; text: string }[];
  changes?: readonly { what: string; tpot_ratio: number; output_ratio: number; ttft_ratio: number; within_error: boolean }[];
  no_changes?: string;
  skipped?: readonly { line: number; reason: string }[];
  faults?: readonly { file?: string; line?: number; reason?: string; text?: string }[];
  warnings?: readonly string[];
}

/** What /api/v1/deduce answers, as far as the view reads it. */

/** Shares of draws on a grid that is even in logarithms, row by row of y; x and y are the middles of cells. */
export interface Density {
  names: readonly string[];
  x: readonly number[];
  y: readonly number[];
  posterior: readonly (readonly number[])[];
  prior: readonly (readonly number[])[];
}

export interface Estimate {
  name: string;
  unit: string;
  low80: number;
  low50: number;
  median: number;
  high50: number;
  high80: number;
  prior_low80: number;
  prior_median: number;
  prior_high80: number;
  width_left: number;
  shift: number;
}

export interface Deduced {
  offer: { id: string; name: string; lab: string; lines: readonly { input_per_mtok: number; output_per_mtok: number }[]; currency: string; origin: { source: string; as_of: string } };
  estimates: readonly Estimate[];
  densities: readonly Density[];
  regression: readonly { name: string; unit: string; low80: number; median: number; high80: number }[];
  moved: readonly { channel: string; shown: string; median_factor: Record<string, number>; width_factor: Record<string, number> }[];
  deductions: readonly { name: string; channel: string; quantity: string; unit: string; direction: string; low: number | null; point: number | null; high: number | null; formula: string; caveat: string; calibration: string }[];
  neighbours: readonly { model: string; level: number; distance: number; truth: Record<string, number> }[];
  skipped: readonly { channel: string; why: string }[];
  health: { draws: number; ess: number };
  held?: readonly { name: string; sheets: number; active_params: number }[];
  notes: readonly string[];
  sentence: string;
}

export function estimateOf(answer: Deduced, name: string): Estimate | undefined {
  return answer.estimates.find((one) => one.name === name);
}

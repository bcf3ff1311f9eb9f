/** What /api/v1/deduce answers, as far as the view reads it. */

export interface Region {
  names: readonly string[];
  centre: readonly [number, number];
  log_sd: readonly [number, number];
  correlation: number;
  distance50: number;
  distance80: number;
  area_left: number | null;
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
  regions: readonly Region[];
  moved: readonly { channel: string; shown: string; median_factor: Record<string, number>; width_factor: Record<string, number> }[];
  deductions: readonly { name: string; channel: string; quantity: string; unit: string; direction: string; low: number | null; point: number | null; high: number | null; formula: string; caveat: string; calibration: string }[];
  neighbours: readonly { model: string; level: number; truth: Record<string, number> }[];
  skipped: readonly { channel: string; why: string }[];
  health: { draws: number; ess: number };
  held?: readonly { name: string; sheets: number; active_params: number }[];
  notes: readonly string[];
  sentence: string;
}

export function estimateOf(answer: Deduced, name: string): Estimate | undefined {
  return answer.estimates.find((one) => one.name === name);
}

/** The outline of a region: an ellipse in the logarithms of both. */
export function outline(region: Region, distance: number, count = 96): [number, number][] {
  const reach = Math.sqrt(distance);
  return Array.from({ length: count + 1 }, (_, at) => {
    const angle = (at / count) * 2 * Math.PI;
    const u = Math.cos(angle);
    const v = region.correlation * u + Math.sqrt(1 - region.correlation ** 2) * Math.sin(angle);
    return [region.centre[0] * Math.exp(region.log_sd[0] * reach * u), region.centre[1] * Math.exp(region.log_sd[1] * reach * v)];
  });
}

/** Numbers as people read them: two or three figures, the unit always attached. */

const NONE = "–";
const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

function finite(value: number | null | undefined): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const raised = (power: number): string => (power < 0 ? "⁻" : "") + [...String(Math.abs(power))].map((digit) => RAISED[Number(digit)]).join("");

/** `digits` significant figures, without zeros that say nothing, thousands grouped. */
export function figures(value: number | null | undefined, digits = 3): string {
  if (!finite(value)) return NONE;
  if (value === 0) return "0";
  const size = Math.floor(Math.log10(Math.abs(value)));
  if (size < -5) return power(value, digits);
  const decimals = Math.max(0, Math.min(12, digits - 1 - size));
  return new Intl.NumberFormat("en-US", { maximumFractionDigits: decimals }).format(Number(value.toPrecision(digits)));
}

/** Large counts as powers of ten: 5.7 · 10²⁵. */
export function power(value: number | null | undefined, digits = 3): string {
  if (!finite(value) || value === 0) return value === 0 ? "0" : NONE;
  const size = Math.floor(Math.log10(Math.abs(value)));
  return `${Number((value / 10 ** size).toPrecision(digits))}\u00a0·\u00a010${raised(size)}`;
}

export function whole(value: number | null | undefined): string {
  return finite(value) ? grouped.format(Math.round(value)) : NONE;
}

/** Dollars: cents below ten, whole dollars above, three figures when small. */
export function dollars(value: number | null | undefined): string {
  if (!finite(value)) return NONE;
  if (value >= 9.995) return `$${grouped.format(Math.round(value))}`;
  return value >= 0.995 ? `$${value.toFixed(2)}` : `$${value >= 0.0995 ? value.toFixed(2) : figures(value, 2)}`;
}

/** Dollars of a bill or a fleet: $26.8 K, $1.2 M. */
export function money(value: number | null | undefined): string {
  if (!finite(value)) return NONE;
  return value < 10000 ? dollars(value) : `$${scaled(value, 3)}`;
}

const DECIMAL: [number, string][] = [
  [1e15, " P"],
  [1e12, " T"],
  [1e9, " B"],
  [1e6, " M"],
  [1e3, " K"],
];

/** Counts of tokens, parameters, dollars: 671 B, 4.1 K. */
export function scaled(value: number | null | undefined, digits = 3): string {
  if (!finite(value)) return NONE;
  for (const [size, name] of DECIMAL) {
    if (Math.abs(value) >= size * 0.9995) return figures(value / size, digits) + name;
  }
  return figures(value, digits);
}

const SI: [number, string][] = [
  [1e18, "E"],
  [1e15, "P"],
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** Lengths of contexts on axes of doublings: 8K for 8,192. */
export function lengths(value: number): string {
  if (value >= 1048576) return `${figures(value / 1048576)}M`;
  return value >= 1024 ? `${figures(value / 1024)}K` : figures(value);
}

/** SI prefix and unit: 38.4 TB/s, 45.1 GB. */
export function prefixed(value: number | null | undefined, unit: string, digits = 3): string {
  if (!finite(value)) return NONE;
  for (const [size, name] of SI) {
    if (Math.abs(value) >= size * 0.9995) return `${figures(value / size, digits)} ${name === "k" && unit === "B" ? "K" : name}${unit}`;
  }
  return `${figures(value, digits)} ${unit}`;
}

export const bytes = (value: number | null | undefined, digits = 3): string => prefixed(value, "B", digits);

/** Latencies: µs to hours, two figures below ten. */
export function time(seconds: number | null | undefined, digits = 2): string {
  if (!finite(seconds)) return NONE;
  if (seconds === 0) return "0 s";
  if (seconds < 0.9995e-3) return `${figures(seconds * 1e6, digits)} µs`;
  if (seconds < 0.9995) return `${milliseconds(seconds, digits)} ms`;
  if (seconds < 120) return `${figures(seconds, Math.max(seconds < 99.5 ? 2 : 3, digits))} s`;
  if (seconds < 7200) return `${figures(seconds / 60, 2)} min`;
  return seconds < 172800 ? `${figures(seconds / 3600, 3)} h` : `${figures(seconds / 86400, 3)} days`;
}

/** The number of milliseconds alone. */
export function milliseconds(seconds: number, digits = 2): string {
  const ms = seconds * 1000;
  return ms < 10 ? figures(ms, digits) : figures(ms, Math.max(digits, ms >= 100 ? 3 : 2));
}

export function percent(share: number | null | undefined, digits = 2): string {
  return finite(share) ? `${figures(share * 100, digits)}\u00a0%` : NONE;
}

/** A ratio: ×2.5, or ×0.64. */
export function times(ratio: number | null | undefined, digits = 3): string {
  return finite(ratio) ? `×${figures(ratio, digits)}` : NONE;
}

const NUMBER_WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

/** Small counts as words in sentences. */
export function counted(value: number): string {
  return NUMBER_WORDS[value] ?? whole(value);
}

const SUFFIX: Record<string, number> = { k: 1e3, m: 1e6, b: 1e9, t: 1e12, ki: 1024, mi: 1048576 };

/** What somebody typed, with separators, a currency sign or a suffix; undefined where it is not a number. */
export function readNumber(text: string): number | undefined {
  const match = /^\s*\$?\s*([0-9][0-9,_ ]*(?:\.[0-9]+)?|\.[0-9]+)(?:e([+-]?[0-9]+))?\s*([kmbt]i?)?\b/i.exec(text);
  if (!match?.[1]) return undefined;
  const value = Number(match[1].replace(/[,_ ]/g, "")) * 10 ** Number(match[2] ?? 0);
  const scale = match[3] ? SUFFIX[match[3].toLowerCase()] : 1;
  return scale !== undefined && Number.isFinite(value * scale) ? value * scale : undefined;
}

/** A value with the unit that Python gave it, as people read it. */

import { bytes, dollars, figures, percent, prefixed, scaled, time, whole } from "../numbers/format";

export function quantity(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  switch (unit) {
    case "s":
    case "s/token":
      return time(value, 3);
    case "B":
    case "B/s":
    case "FLOP":
    case "FLOP/s":
      return unit === "B" ? bytes(value) : prefixed(value, unit);
    case "USD/Mtoken":
      return `${dollars(value)} per M`;
    case "USD/token":
      return `${dollars(value * 1e6)} per M`;
    case "USD/GPU/s":
      return `$${figures(value * 3600)}/h`;
    case "USD/GPU/h":
    case "USD/h":
      return `$${figures(value)}/h`;
    case "USD":
      return dollars(value);
    case "1":
      return value > 0 && value < 1 ? percent(value, 3) : figures(value);
    case "param":
      return `${scaled(value)} parameters`;
    default:
      if (Number.isInteger(value) && value < 1e6) return `${whole(value)} ${unit}`;
      return value >= 1e5 ? `${scaled(value)} ${unit}` : `${figures(value)} ${unit}`;
  }
}

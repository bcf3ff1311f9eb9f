/** Scales of an axis, and the ticks that fit on it. */

import { scaleLinear, scaleLog } from "d3-scale";

export interface Scale {
  (value: number): number;
  invert(pixel: number): number;
  domain(): number[];
  range(): number[];
}

export interface Tick {
  value: number;
  text: string;
}

export function linear(domain: [number, number], range: [number, number]): Scale {
  return scaleLinear().domain(domain).range(range) as unknown as Scale;
}

export function log(domain: [number, number], range: [number, number]): Scale {
  return scaleLog().domain(domain).range(range) as unknown as Scale;
}

export function linearTicks(domain: [number, number], count: number, text: (value: number) => string): Tick[] {
  return scaleLinear().domain(domain).ticks(count).map((value) => ({ value, text: text(value) }));
}

function steps(low: number, high: number, factors: readonly number[]): number[] {
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const factor of factors) {
      const value = Number((factor * 10 ** power).toPrecision(6));
      if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
    }
  }
  return found;
}

/** Powers of ten, with 2 and 5 or 3 between where there is room for at most `most` ticks. */
export function logTicks(domain: [number, number], most: number, text: (value: number) => string): Tick[] {
  const [low, high] = domain;
  for (const factors of [[1, 2, 5], [1, 3], [1]]) {
    const found = steps(low, high, factors);
    if (found.length <= most && found.length > 1) return found.map((value) => ({ value, text: text(value) }));
  }
  const all = steps(low, high, [1]);
  const every = Math.max(1, Math.ceil(all.length / most));
  return all.filter((_, index) => index % every === 0).map((value) => ({ value, text: text(value) }));
}

/** Powers of two: batches and contexts. */
export function doublings(domain: [number, number], most: number, text: (value: number) => string): Tick[] {
  const [low, high] = domain;
  const first = Math.ceil(Math.log2(low) - 1e-9);
  const last = Math.floor(Math.log2(high) + 1e-9);
  const every = Math.max(1, Math.ceil((last - first + 1) / most));
  const found: Tick[] = [];
  for (let power = first; power <= last; power += every) found.push({ value: 2 ** power, text: text(2 ** power) });
  return found;
}

/** `count` values evenly spaced in the logarithm, ends included. */
export function logSpace(low: number, high: number, count: number): number[] {
  if (high <= low) return [low];
  const ratio = Math.log(high / low) / (count - 1);
  return Array.from({ length: count }, (_, index) => (index === count - 1 ? high : low * Math.exp(ratio * index)));
}

/** The least round number of 1, 2, 4, 5 and 8 times a power of ten that is not below `value`: axes that stay put. */
export function ceiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-12)));
  return (([1, 2, 4, 5, 8, 10].find((step) => step * power >= value * 0.9999) ?? 10) as number) * power;
}

export const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

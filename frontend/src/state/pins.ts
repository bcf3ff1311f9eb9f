/** Scenarios set aside to compare with, at most four: each is a link. */

import { signal } from "@preact/signals";

import { readLink, writeLink, type State } from "./params";
import { state } from "./store";

export interface Pin {
  name: string;
  state: State;
}

export const MOST_PINS = 4;
export const pins = signal<Pin[]>([]);

export function pin(): void {
  const link = writeLink(state.value);
  if (pins.value.length >= MOST_PINS || pins.value.some((one) => writeLink(one.state) === link)) return;
  const used = new Set(pins.value.map((one) => one.name));
  const name = ["A", "B", "C", "D"].find((letter) => !used.has(letter)) ?? "A";
  pins.value = [...pins.value, { name, state: readLink(link).state }];
}

export function unpin(name: string): void {
  pins.value = pins.value.filter((one) => one.name !== name);
}

/** Pinned and edited change places. */
export function swap(name: string): State | null {
  const found = pins.value.find((one) => one.name === name);
  if (!found) return null;
  pins.value = pins.value.map((one) => (one.name === name ? { name, state: state.value } : one));
  return found.state;
}

/** Which price sheets stand beside a model. Apart from the questions, which the build asks without a page. */

import { known } from "../api/client";
import type { State } from "./params";

/** Price sheets of a model: the median of its hosts first. */
export function offersOf(state: State): string[] {
  const listed = known("/api/v1/offers") as { rows: { id: string; model: string | null }[] } | undefined;
  return [...new Set([`market/${state.m}`, ...(listed?.rows ?? []).filter((one) => one.model === state.m).map((one) => one.id)])];
}

/** The API beside one's own machine: that of the link where it sells this model, else the median host. */
export function apiOf(state: State): string {
  const offers = offersOf(state);
  return offers.includes(state.api) ? state.api : (offers[0] as string);
}

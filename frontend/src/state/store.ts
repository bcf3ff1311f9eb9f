/** The one state of the page: what the link says. Undo, redo and the browser's own Back walk the same steps. */

import { computed, signal } from "@preact/signals";

import { firstQuery, isReport } from "../api/client";
import { INITIAL, SCENARIO_KEYS, readLink, writeLink, type State } from "./params";

const opened = readLink(firstQuery);

export const state = signal<State>(opened.state);
export const extra = signal(opened.extra);
export const linkFaults = signal(opened.faults);

const past = signal<State[]>([]);
const future = signal<State[]>([]);
export const canUndo = computed(() => past.value.length > 0);
export const canRedo = computed(() => future.value.length > 0);

// a frame of a drag moves one number: what shows other parts of the state listens to those parts alone
export const viewNow = computed(() => state.value.view);
export const openNow = computed(() => state.value.x);
export const figureNow = computed(() => state.value.fig);
let docked = state.value;
/** The state, as new only where the dock shows something else. */
export const scenarioNow = computed(() => {
  const now = state.value;
  if (SCENARIO_KEYS.some((key) => docked[key] !== now[key]) || docked.view !== now.view || docked.offer !== now.offer) docked = now;
  return docked;
});

/** What the link said when the running drag began; null between drags. */
let before: State | null = null;
/** Whether a handle moves: axes stay put until it is let go. */
export const dragging = signal(false);
let rested = state.value;
/** The state as it was when no handle moved: links and copies need no more. */
export const settled = computed(() => {
  if (!dragging.value) rested = state.value;
  return rested;
});
let written = location.search;
let timer: ReturnType<typeof setTimeout> | undefined;

/** A file's address is its own: a report keeps its state to itself. */
const writable = !isReport && location.protocol.startsWith("http");

function replace(): void {
  timer = undefined;
  written = writeLink(state.value, extra.value);
  if (writable) history.replaceState(null, "", written);
}

/** Browsers refuse more than some 200 changes of the address in half a minute, so a drag writes a few times a second. */
function replaceSoon(): void {
  timer ??= setTimeout(replace, 120);
}

function push(): void {
  clearTimeout(timer);
  timer = undefined;
  const next = writeLink(state.value, extra.value);
  if (next === location.search && before === null) return;
  written = next;
  if (writable) history.pushState(null, "", next);
}

/** While a handle moves: the link follows, without a step in the history. */
export function drag(change: Partial<State>): void {
  before ??= state.value;
  dragging.value = true;
  state.value = { ...state.value, ...change };
  replaceSoon();
}

/** A change that can be undone: a release, a key, a choice. */
export function commit(change: Partial<State> = {}): void {
  const from = before ?? state.value;
  state.value = { ...state.value, ...change };
  if (writeLink(from) !== writeLink(state.value)) {
    past.value = [...past.value.slice(-99), from];
    future.value = [];
    push();
  }
  before = null;
  dragging.value = false;
}

/** An explanation or a table is state, but no step. */
export function show(change: Partial<State>): void {
  state.value = { ...state.value, ...change };
  replace();
}

export function reset(): void {
  commit({ ...INITIAL, view: state.value.view });
}

function step(from: typeof past, to: typeof past): void {
  const next = from.value.at(-1);
  if (!next) return;
  from.value = from.value.slice(0, -1);
  to.value = [...to.value, state.value];
  state.value = next;
  push();
}

export const undo = (): void => step(past, future);
export const redo = (): void => step(future, past);

export function permalink(): string {
  return location.origin + location.pathname + writeLink(state.value, extra.value);
}

addEventListener("popstate", () => {
  if (location.search === written) return;
  const link = readLink(location.search);
  written = location.search;
  past.value = [...past.value, state.value];
  state.value = link.state;
  extra.value = link.extra;
});

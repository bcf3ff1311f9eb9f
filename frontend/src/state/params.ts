/** What a link can say: one row per field, in the order in which links write them. Defaults are left out. */

export const VERSION = "1";

export const VIEWS = [
  "blackboard", "context", "operators", "layout", "training",
  "plan", "machines", "money", "speculation", "simulate",
  "deduce", "measure",
  "learn",
] as const;
export type View = (typeof VIEWS)[number];

export interface State {
  view: View;
  m: string;
  s: string;
  e: string;
  tp: number;
  pp: number;
  ep: number;
  dp: number;
  w: string;
  kv: string;
  isl: number;
  osl: number;
  tpot: number;
  ttft: number;
  p: number;
  b: number;
  c: number;
  vs: string;
  users: number;
  api: string;
  owner: string;
  offer: string;
  rate: number;
  accept: number;
  served: number;
  chapter: string;
  fig: string;
  x: string;
}

export type Key = keyof State;

interface Field {
  key: Key;
  initial: string | number;
  /** Numbers outside are held back to the nearest end, which the view says. */
  range?: [number, number];
  words?: readonly string[];
  whole?: boolean;
  /** Belongs to the scenario in the dock: a view's own fields do not. */
  scenario?: boolean;
}

/** 0 and "" stand for "let tokenroof choose". */
const FIELDS: readonly Field[] = [
  { key: "view", initial: "blackboard", words: VIEWS },
  { key: "m", initial: "deepseek-r1", scenario: true },
  { key: "s", initial: "8xh200", scenario: true },
  { key: "e", initial: "sglang", scenario: true },
  { key: "tp", initial: 8, range: [0, 1024], whole: true, scenario: true },
  { key: "pp", initial: 0, range: [0, 1024], whole: true, scenario: true },
  { key: "ep", initial: 0, range: [0, 1024], whole: true, scenario: true },
  { key: "dp", initial: 0, range: [0, 1024], whole: true, scenario: true },
  { key: "w", initial: "", scenario: true },
  { key: "kv", initial: "", scenario: true },
  { key: "isl", initial: 1024, range: [1, 1e7], whole: true, scenario: true },
  { key: "osl", initial: 8192, range: [2, 1e7], whole: true, scenario: true },
  { key: "tpot", initial: 50, range: [1, 10000], scenario: true },
  { key: "ttft", initial: 0, range: [0, 600000], scenario: true },
  { key: "p", initial: 0, range: [0, 1000], scenario: true },
  { key: "b", initial: 64, range: [1, 65536], whole: true },
  { key: "c", initial: 0, range: [0, 1e7], whole: true },
  { key: "vs", initial: "8xb200,8xh100,8xmi300x" },
  { key: "users", initial: 10000, range: [1, 1e9], whole: true },
  { key: "api", initial: "" },
  { key: "owner", initial: "" },
  { key: "offer", initial: "anthropic/claude-opus-5" },
  { key: "rate", initial: 0.2, range: [0.01, 1000] },
  { key: "accept", initial: 0.8, range: [0.05, 0.99] },
  { key: "served", initial: 50e6, range: [1e3, 1e12] },
  { key: "chapter", initial: "batch" },
  { key: "fig", initial: "chart", words: ["chart", "table"] },
  { key: "x", initial: "" },
];

const BY_KEY = new Map(FIELDS.map((field) => [field.key as string, field]));

export const INITIAL = Object.fromEntries(FIELDS.map((field) => [field.key, field.initial])) as unknown as State;
export const SCENARIO_KEYS: readonly Key[] = FIELDS.filter((field) => field.scenario).map((field) => field.key);

export interface Link {
  state: State;
  /** Pairs of the link that this version does not know: kept, and said. */
  extra: [string, string][];
  faults: string[];
}

function readField(field: Field, text: string): string | number | undefined {
  if (typeof field.initial === "string") {
    return field.words && !field.words.includes(text) ? undefined : text.slice(0, 200);
  }
  const value = Number(text);
  if (!Number.isFinite(value)) return undefined;
  const [low, high] = field.range ?? [-Infinity, Infinity];
  return value < low || value > high ? undefined : field.whole ? Math.round(value) : value;
}

function fault(field: Field, text: string): string {
  const limit = field.words ? field.words.join(", ") : `${field.range?.[0] ?? ""} to ${field.range?.[1] ?? ""}`;
  return `${field.key}=${text.slice(0, 40)} is not one of ${limit}; the default stands`;
}

export function readLink(search: string): Link {
  const state = { ...INITIAL } as Record<string, unknown>;
  const extra: [string, string][] = [];
  const faults: string[] = [];
  for (const [key, text] of new URLSearchParams(search)) {
    const field = BY_KEY.get(key);
    if (field) {
      const value = readField(field, text);
      if (value === undefined) faults.push(fault(field, text));
      else state[key] = value;
    } else if (key === "v") {
      if (text !== VERSION) faults.push(`this link is of version ${text.slice(0, 10)}; this page reads version ${VERSION}`);
    } else if (key !== "theme") extra.push([key, text]);
  }
  return { state: state as unknown as State, extra, faults };
}

export function writeLink(state: State, extra: readonly [string, string][] = []): string {
  const query = new URLSearchParams({ v: VERSION });
  for (const field of FIELDS) {
    if (state[field.key] !== field.initial) query.set(field.key, String(state[field.key]));
  }
  for (const [key, text] of extra) query.append(key, text);
  // readable links: what stands in our own values needs no escape
  return `?${query.toString().replace(/%2F/g, "/").replace(/%2C/g, ",")}`;
}

export function changedKeys(state: State): Key[] {
  return SCENARIO_KEYS.filter((key) => state[key] !== INITIAL[key]);
}

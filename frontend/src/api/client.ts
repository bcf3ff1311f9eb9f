/** Questions to the server. Answers that came with the page (first paint, reports) are used before any is asked. */

import { Problem, readProblem, UNREACHABLE } from "./problem";

/** What came with the page: a report's answers by verb, or those of the first paint. */
interface Embedded {
  report?: boolean;
  query?: string;
  answers?: Record<string, unknown>;
  /** The answer to one question, whatever the link asks: that of the first paint. */
  first?: { path: string; body: unknown; answer: unknown };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]));
}

export function questionKey(path: string, body: unknown): string {
  return `${path} ${JSON.stringify(sorted(body ?? {}))}`;
}

function readEmbedded(): Embedded {
  const text = document.getElementById("tokenroof-state")?.textContent;
  return text ? (JSON.parse(text) as Embedded) : {};
}

const embedded = readEmbedded();
export const isReport = embedded.report === true;
/** Where the page's state starts: a report carries its own link. */
export const firstQuery = embedded.query ?? location.search;

const KEPT = 64;
const kept = new Map<string, unknown>();
const unclaimed = new Map(Object.entries(embedded.answers ?? {}));

function keep(key: string, answer: unknown): void {
  kept.set(key, answer);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value as string);
}

if (embedded.first) keep(questionKey(embedded.first.path, embedded.first.body), embedded.first.answer);

/** An answer that is here already, or undefined. What came with the page answers the first question of its verb. */
export function known(path: string, body?: unknown): unknown {
  const key = questionKey(path, body);
  const verb = path.slice(path.lastIndexOf("/v1/") + 4);
  if (!kept.has(key) && unclaimed.has(verb)) {
    keep(key, unclaimed.get(verb));
    unclaimed.delete(verb);
  }
  return kept.get(key);
}

const REPORT_ONLY = new Problem("This page is a report.", "It holds the answers it was made with; `tokenroof web` asks new ones.", 1);

export async function send(path: string, init: RequestInit): Promise<Response> {
  if (isReport) throw REPORT_ONLY;
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw UNREACHABLE;
  }
  if (!response.ok) {
    const raw: unknown = await response.json().catch(() => null);
    throw readProblem(raw, response.status);
  }
  return response;
}

export async function ask<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const here = known(path, body);
  if (here !== undefined) return here as T;
  const init: RequestInit = body === undefined ? {} : {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  if (signal) init.signal = signal;
  const response = await send(path, init);
  let answer: T;
  try {
    answer = (await response.json()) as T;
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw UNREACHABLE;
  }
  keep(questionKey(path, body), answer);
  return answer;
}

/** A question that follows the scenario: the latest wins, one is in flight, and the last answer stays until replaced. */

import { useEffect, useRef, useState } from "preact/hooks";

import { ask, known, questionKey } from "./client";
import { Problem } from "./problem";
import { stream } from "./stream";

export interface Answered<T> {
  /** The last answer, which may be of an earlier question: see `stale`. */
  answer: T | undefined;
  stale: boolean;
  problem: Problem | null;
  /** Set only after 150 ms, so that quick answers do not flicker. */
  waiting: boolean;
  progress: Record<string, unknown> | null;
  cancelled: boolean;
  retry: () => void;
  cancel: () => void;
}

interface Held<T> {
  key: string;
  answer: T | undefined;
  problem: Problem | null;
  waiting: boolean;
  progress: Record<string, unknown> | null;
  cancelled: boolean;
}

export interface Options {
  streamed?: boolean;
  /** Milliseconds of rest before a question is sent. */
  settle?: number;
  off?: boolean;
}

const RETRY_MS = 2000;

export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem("This page could not read the answer.", String(error), 2);
}

export function useAnswer<T>(path: string, body: unknown, options: Options = {}): Answered<T> {
  const { streamed = false, settle = 120, off = false } = options;
  const key = questionKey(path, body);
  const [held, setHeld] = useState<Held<T>>(() => {
    const answer = known(path, body) as T | undefined;
    return { key: answer ? key : "", answer, problem: null, waiting: false, progress: null, cancelled: false };
  });
  const [tries, setTries] = useState(0);
  const controller = useRef<AbortController | null>(null);
  // a question whose answer is here already never waits for an effect
  const here = known(path, body) as T | undefined;

  useEffect(() => {
    if (off) return;
    if (here !== undefined) {
      setHeld({ key, answer: here, problem: null, waiting: false, progress: null, cancelled: false });
      return;
    }
    const abort = new AbortController();
    controller.current = abort;
    const change = (part: Partial<Held<T>>): void => {
      if (!abort.signal.aborted) setHeld((old) => ({ ...old, ...part }));
    };
    let retry: ReturnType<typeof setTimeout> | undefined;
    const slow = setTimeout(() => change({ waiting: true, cancelled: false }), settle + 150);
    const start = setTimeout(() => {
      const asked = streamed
        ? stream<T>(path, body, (progress) => change({ progress, waiting: true }), abort.signal)
        : ask<T>(path, body, abort.signal);
      asked
        .then((answer) => change({ key, answer, problem: null, waiting: false, progress: null, cancelled: false }))
        .catch((error: unknown) => {
          const problem = asProblem(error);
          change({ problem, waiting: false, progress: null });
          if (problem.unreachable && !abort.signal.aborted) retry = setTimeout(() => setTries((n) => n + 1), RETRY_MS);
        })
        .finally(() => clearTimeout(slow));
    }, settle);
    return () => {
      abort.abort();
      clearTimeout(start);
      clearTimeout(slow);
      clearTimeout(retry);
    };
    // the key says all of path and body
  }, [key, tries, off]);

  const answer = here ?? held.answer;
  const current = here !== undefined || held.key === key;
  return {
    answer,
    stale: answer !== undefined && !current,
    problem: current ? null : held.problem,
    waiting: !current && held.waiting,
    progress: current ? null : held.progress,
    cancelled: !current && held.cancelled,
    retry: () => setTries((n) => n + 1),
    cancel: () => {
      controller.current?.abort();
      setHeld((old) => ({ ...old, waiting: false, progress: null, cancelled: true }));
    },
  };
}

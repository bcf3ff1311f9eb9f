/** Infeasible is an answer: why nothing can be served, and what would change that. */

import type { JSX } from "preact";

interface Infeasible {
  reason: string;
  fixes?: readonly string[];
}

/** What verbs about a deployment answer where there is none. */
export function refusedBy(answer: object): Infeasible | null {
  const one = answer as Partial<Infeasible> & { limit?: unknown; model?: unknown };
  return typeof one.reason === "string" && "limit" in one && !("model" in one) ? { reason: one.reason, fixes: one.fixes ?? [] } : null;
}

export function Refused({ name, answer }: { name: string; answer: Infeasible }): JSX.Element {
  const fixes = answer.fixes ?? [];
  return (
    <section aria-label={name}>
      <h1 class="answer">Nothing is served: {answer.reason}.</h1>
      <p class="because">{fixes.length > 0 ? `Nearest that would: ${fixes.join("; ")}.` : "Take more GPUs, narrower formats, shorter lengths or a slower limit."}</p>
    </section>
  );
}

/** How sure a number is: a pie that is as full as its grade, and the word. */

import type { JSX } from "preact";

const FULL: Record<string, number> = { measured: 1, spec: 0.8, derived: 0.6, reported: 0.45, fitted: 0.3, assumed: 0, given: 0 };

export function Grade({ grade }: { grade: string }): JSX.Element {
  const share = FULL[grade] ?? 0;
  const angle = share * 2 * Math.PI;
  const x = 5 + 4.3 * Math.sin(angle);
  const y = 5 - 4.3 * Math.cos(angle);
  return (
    <span class="grade">
      <svg viewBox="0 0 10 10" aria-hidden="true">
        <circle cx="5" cy="5" r="4.3" class={share === 1 ? "full" : share === 0 ? "none" : ""} />
        {share > 0 && share < 1 && <path d={`M5 5V.7A4.3 4.3 0 ${share > 0.5 ? 1 : 0} 1 ${x} ${y}Z`} />}
      </svg>
      {grade}
    </span>
  );
}

/** One claim: the question, your own guess first where it has a number, then what was said and what is right. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Formula } from "../../explain/Formula";
import { quantity } from "../../explain/quantity";
import { figures, readNumber } from "../../numbers/format";
import type { Check, Claim } from "./types";

const VERDICTS: Record<string, string> = { reproduced: "holds", corrected: "a slip", claim: "a claim, nothing to compute" };

function Guess({ check, onDone }: { check: Check; onDone: (text: string) => void }): JSX.Element {
  const [typed, setTyped] = useState("");
  function judge(event: Event): void {
    event.preventDefault();
    const value = readNumber(typed);
    const ratio = value === undefined ? NaN : value / check.computed;
    onDone(value === undefined || !Number.isFinite(ratio) ? "" : Math.abs(ratio - 1) < 0.1 ? `Your ${figures(value)} is within a tenth.` : `Your ${figures(value)} is ${figures(ratio > 1 ? ratio : 1 / ratio, 2)} times too ${ratio > 1 ? "high" : "low"}.`);
  }
  return (
    <form class="row" onSubmit={judge}>
      <label class="small">Your guess{check.unit && check.unit !== "1" ? `, ${check.unit}` : ""}: <input class="box narrow" inputMode="decimal" value={typed} onInput={(event) => setTyped(event.currentTarget.value)} /></label>
      <button type="submit" class="button">Reveal</button>
    </form>
  );
}

export function ClaimCard({ claim, predict }: { claim: Claim; predict: boolean }): JSX.Element {
  const [open, setOpen] = useState(!predict);
  const [said, setSaid] = useState("");
  const check = claim.checks[0];
  const last = claim.steps.filter((step) => step.equation).at(-1);
  return (
    <article class="claim-card" aria-label={`${claim.id}: ${claim.question}`}>
      <h3>{claim.question}</h3>
      {!open && (check && Number.isFinite(check.computed) ? <Guess check={check} onDone={(text) => { setSaid(text); setOpen(true); }} /> : <button type="button" class="button" onClick={() => setOpen(true)}>Think, then reveal</button>)}
      {open && (
        <dl>
          {said && <dd><b>{said}</b></dd>}
          <dt>{claim.verdict === "corrected" ? "It says" : "Answer"}</dt><dd>{claim.says}</dd>
          {claim.right && <><dt>Right is</dt><dd><b>{claim.right}</b></dd></>}
          {claim.why && <><dt>Why</dt><dd>{claim.why}</dd></>}
          {last && (
            <>
              <dt>{last.summary}</dt>
              <dd>
                <Formula formula={last.equation} />
                {last.arguments.map((one) => `${one.name.replace(/_/g, " ")} = ${quantity(one.value, one.unit)}`).join(", ")} gives {quantity(last.value, last.unit)}
              </dd>
            </>
          )}
          {claim.checks.map((one) => <dd key={one.label}>{one.holds ? "✓" : "✗"} {one.label}: computed {quantity(one.computed, one.unit)}{Number.isFinite(one.stated) && !one.holds ? `, stated ${one.stated_text || quantity(one.stated, one.unit)}` : ""}</dd>)}
          <dt>{VERDICTS[claim.verdict]} · {claim.where}</dt>
        </dl>
      )}
    </article>
  );
}

/** What the reader has to know about the answer: it is being searched, it is old, it could not be had. */

import type { ComponentChildren, JSX } from "preact";

import type { Fault } from "../api/problem";
import type { Answered } from "../api/useAnswer";
import type { Key } from "../state/params";
import { commit, state } from "../state/store";

export function NotePlain({ children }: { children: ComponentChildren }): JSX.Element {
  return <div class="notebar" role="status"><span>{children}</span></div>;
}

function share(progress: Record<string, unknown> | null): number | null {
  const told = progress?.["share"];
  return typeof told === "number" ? Math.min(1, Math.max(0, told)) : null;
}

const FIELDS: Readonly<Record<string, readonly Key[]>> = { model: ["m"], system: ["s", "vs"], offer: ["offer"] };

/** A name that nobody knows, and those that are nearest to it: one click takes one. */
function Nearest({ faults }: { faults: readonly Fault[] }): JSX.Element | null {
  const [one] = faults;
  const key = FIELDS[one?.field ?? ""]?.find((field) => String(state.value[field]).split(",").includes(one?.value ?? ""));
  if (!one || !key) return null;
  const take = (name: string): void => commit({ [key]: String(state.value[key]).split(",").map((other) => (other === one.value ? name : other)).join(",") });
  return <>{one.suggestions.slice(0, 3).map((name) => <button type="button" class="button" key={name} onClick={() => take(name)}>{name}</button>)}</>;
}

export function Note<T>({ asked, doing = "Computing" }: { asked: Answered<T>; doing?: string }): JSX.Element | null {
  const { problem, waiting, answer } = asked;
  if (problem) {
    return (
      <div class="notebar" role="alert">
        <span>
          <b>{problem.unreachable ? problem.title : `${problem.title.charAt(0).toUpperCase()}${problem.title.slice(1)}.`}</b>{" "}
          {problem.unreachable
            ? answer === undefined ? "Nothing could be asked yet; it is tried again." : "This is the last result; it is tried again."
            : problem.detail}
          {problem.faults.length > 1 && (
            <ul class="faults">
              {problem.faults.map((fault) => <li key={fault.field + fault.limit}><b>{fault.field}</b> {fault.value}: {fault.limit}{fault.fix ? `; ${fault.fix}` : ""}</li>)}
            </ul>
          )}
        </span>
        <Nearest faults={problem.faults} />
        <button type="button" class="button" onClick={asked.retry}>Try again</button>
      </div>
    );
  }
  if (!waiting) return null;
  const done = share(asked.progress);
  return (
    <div class="notebar" role="status">
      <span><b>{doing}{done === null ? " …" : `: ${Math.round(done * 100)} %.`}</b>{answer !== undefined ? " The last answer stays until then." : ""}</span>
      <button type="button" class="button" onClick={asked.cancel}>Cancel</button>
      {done !== null && <i class="bar" style={{ width: `${done * 100}%` }} />}
    </div>
  );
}

/** A view without an answer yet: never a blank. */
export function Pending<T>({ asked, name, doing = "Computing" }: { asked: Answered<T>; name: string; doing?: string }): JSX.Element {
  return (
    <section aria-label={name}>
      <h1 class="answer">{name}</h1>
      <Note asked={asked} doing={doing} />
      {asked.cancelled && <NotePlain>Cancelled. <button type="button" class="button" onClick={asked.retry}>Ask again</button></NotePlain>}
    </section>
  );
}

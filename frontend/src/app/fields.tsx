/** Editors of the scenario's fields; a fault stands below its field, and the value is kept. */

import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";

import { useTyped } from "../controls/typed";
import { readNumber } from "../numbers/format";

interface Common {
  id: string;
  name: string;
  fault?: string;
}

function Fault({ id, text }: { id: string; text: string }): JSX.Element | null {
  return text ? <p class="fault" id={`${id}-fault`} role="alert">{text}</p> : null;
}

/** A name out of a long list: type to narrow, or write one that is composed, such as 4xh100. */
export function Pick({ id, name, value, options, onPick, fault = "" }: Common & { value: string; options: readonly (readonly [string, string])[]; onPick: (value: string) => void }): JSX.Element {
  const typed = useTyped(value, (raw) => { const next = raw.trim(); if (next && next !== value) onPick(next); });
  return (
    <div class="edit">
      <label for={`d-${id}`}>{name}</label>
      <input
        id={`d-${id}`}
        class="box"
        list={`d-${id}-list`}
        {...typed}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={fault !== ""}
        aria-describedby={fault ? `d-${id}-fault` : undefined}
        onFocus={(event) => event.currentTarget.select()}
      />
      {useMemo(() => <datalist id={`d-${id}-list`}>{options.map(([key, text]) => <option key={key} value={key}>{text}</option>)}</datalist>, [id, options.length])}
      <Fault id={`d-${id}`} text={fault} />
    </div>
  );
}

export function Choice({ id, name, value, options, onSet }: Common & { value: string; options: readonly (readonly [string, string])[]; onSet: (value: string) => void }): JSX.Element {
  return (
    <div class="edit">
      <label for={`d-${id}`}>{name}</label>
      <select id={`d-${id}`} class="box" value={value} onChange={(event) => onSet(event.currentTarget.value)}>
        {options.map(([key, text]) => <option key={key} value={key}>{text}</option>)}
      </select>
    </div>
  );
}

export function Quantity({ id, name, value, low, high, whole = true, onSet, fault = "" }: Common & { value: number; low: number; high: number; whole?: boolean; onSet: (value: number) => void }): JSX.Element {
  const [own, setOwn] = useState("");
  const text = own || fault;
  const typed = useTyped(String(value), (raw) => {
    const found = readNumber(raw);
    if (found === undefined) setOwn(`"${raw}" is not a number; give ${low} to ${high}`);
    else if (found < low || found > high) setOwn(`${raw} lies outside ${low} to ${high}`);
    else {
      setOwn("");
      onSet(whole ? Math.round(found) : found);
    }
  });
  return (
    <div class="edit">
      <label for={`d-${id}`}>{name}</label>
      <input
        id={`d-${id}`}
        class="box"
        inputMode="decimal"
        autocomplete="off"
        {...typed}
        aria-invalid={text !== ""}
        aria-describedby={text ? `d-${id}-fault` : undefined}
      />
      <Fault id={`d-${id}`} text={text} />
    </div>
  );
}

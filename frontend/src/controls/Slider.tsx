/** A quantity: its number to type, a range in the logarithm to pull. Both say the same value. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { clamp } from "../charts/scales";
import { readNumber } from "../numbers/format";
import { useTyped } from "./typed";

export interface SliderProps {
  id: string;
  name: string;
  unit: string;
  value: number;
  low: number;
  high: number;
  text: (value: number) => string;
  ends: [string, string];
  /** Said in place of the unit, where what was asked is not what is possible. */
  clamped?: string | undefined;
  round?: (value: number) => number;
  onDrag: (value: number) => void;
  onCommit: (value: number) => void;
}

const STEPS = 240;

export function Slider(props: SliderProps): JSX.Element {
  const { id, name, unit, value, low, high, text, ends, clamped, round = Math.round, onDrag, onCommit } = props;
  const [fault, setFault] = useState("");
  const span = Math.log(high / low);
  const at = clamp(Math.log(clamp(value, low, high) / low) / span, 0, 1);
  const from = (position: number): number => clamp(round(low * Math.exp((position / STEPS) * span)), low, high);

  function type(raw: string): void {
    const found = readNumber(raw);
    if (found === undefined) setFault(`${name}: "${raw}" is not a number. Give ${text(low)} to ${text(high)}.`);
    else if (found < low || found > high) setFault(`${name}: ${raw} lies outside ${text(low)} to ${text(high)}. The nearest end stands.`);
    else setFault("");
    if (found !== undefined) onCommit(clamp(round(found), low, high));
  }
  const typed = useTyped(text(value), type);
  return (
    <div class="slider">
      <label for={`${id}-number`}>{name}</label>
      <div class="slider-value">
        <input
          id={`${id}-number`}
          inputMode="decimal"
          autocomplete="off"
          size={Math.max(2, typed.value.length)}
          {...typed}
          aria-invalid={fault !== ""}
          aria-describedby={fault ? `${id}-fault` : undefined}
        />
        <small>{clamped ?? unit}</small>
      </div>
      <input
        type="range"
        id={`${id}-range`}
        min="0"
        max={STEPS}
        step="1"
        value={Math.round(at * STEPS)}
        aria-label={`${name}, ${unit}`}
        aria-valuetext={`${text(value)} ${unit}`}
        style={{ "--at": `${at * 100}%` }}
        onInput={(event) => onDrag(from(Number(event.currentTarget.value)))}
        onChange={(event) => onCommit(from(Number(event.currentTarget.value)))}
      />
      <div class="slider-ends" aria-hidden="true">
        <span>{ends[0]}</span>
        <span>{ends[1]}</span>
      </div>
      {fault && <p class="fault" id={`${id}-fault`} role="alert">{fault}</p>}
    </div>
  );
}

/** What can be moved on a chart: a slider for the keyboard and for those who hear the page, a ring for the pointer. */

import type { JSX } from "preact";
import { useRef } from "preact/hooks";

import { clamp } from "./scales";

export interface HandleProps {
  name: string;
  x: number;
  y: number;
  value: number;
  low: number;
  high: number;
  /** The outcome, as read aloud: "60 sequences: 33 ms per token, ...". */
  says: string;
  /** Value under a point of the chart, in pixels of its sheet. */
  at: (x: number, y: number) => number;
  whole?: boolean;
  vertical?: boolean;
  onDrag: (value: number) => void;
  onCommit: (value: number) => void;
}

/** Arrows: one up to 16, then 5 %; pages double and halve; Home and End are the ends. */
export function stepped(key: string, value: number, low: number, high: number, whole: boolean): number | null {
  const one = whole ? Math.max(1, value * 0.05) : value * 0.05;
  const next: Record<string, number> = {
    ArrowRight: value + one,
    ArrowUp: value + one,
    ArrowLeft: value - (whole && value <= 16 ? 1 : one),
    ArrowDown: value - (whole && value <= 16 ? 1 : one),
    PageUp: value * 2,
    PageDown: value / 2,
    Home: low,
    End: high,
  };
  const found = next[key];
  if (found === undefined) return null;
  const moved = clamp(whole ? Math.round(found) : Number(found.toPrecision(4)), low, high);
  return whole && moved === value && key.startsWith("Arrow") ? clamp(value + Math.sign(found - value), low, high) : moved;
}

export function Handle(props: HandleProps): JSX.Element {
  const { name, x, y, value, low, high, says, at, whole = true, vertical = false, onDrag, onCommit } = props;
  const sheet = useRef<DOMRect | null>(null);
  const last = useRef(value);

  function read(event: PointerEvent): number {
    const box = sheet.current as DOMRect;
    const found = at(event.clientX - box.left, event.clientY - box.top);
    return clamp(whole ? Math.round(found) : Number(found.toPrecision(3)), low, high);
  }
  function down(event: PointerEvent): void {
    const target = event.currentTarget as HTMLElement;
    sheet.current = (target.offsetParent as HTMLElement).getBoundingClientRect();
    target.setPointerCapture(event.pointerId);
    last.current = value;
  }
  function move(event: PointerEvent): void {
    if (!sheet.current) return;
    const next = read(event);
    if (next === last.current) return;
    last.current = next;
    onDrag(next);
  }
  function up(): void {
    if (!sheet.current) return;
    sheet.current = null;
    onCommit(last.current);
  }
  function key(event: KeyboardEvent): void {
    const next = stepped(event.key, value, low, high, whole);
    if (next === null) return;
    event.preventDefault();
    if (next !== value) onCommit(next);
  }
  return (
    <div
      class={vertical ? "handle vertical" : "handle"}
      role="slider"
      tabIndex={0}
      aria-label={name}
      aria-orientation={vertical ? "vertical" : "horizontal"}
      aria-valuemin={low}
      aria-valuemax={high}
      aria-valuenow={value}
      aria-valuetext={says}
      style={{ left: `${x}px`, top: `${y}px` }}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={up}
      onKeyDown={key}
    />
  );
}

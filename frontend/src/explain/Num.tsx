/** A number in a sentence that opens its explanation. */

import type { ComponentChildren, JSX } from "preact";

import { show, state } from "../state/store";

export function Num({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  const open = state.value.x === name;
  return (
    <button type="button" class="number" data-number={name} aria-expanded={open} onClick={() => show({ x: open ? "" : name })}>
      {children}
    </button>
  );
}

/** An axis that is held still while a handle moves, and follows once it is let go. */

import { useRef } from "preact/hooks";

import { dragging } from "../state/store";

export function useHeld<T>(value: T): T {
  const held = useRef(value);
  if (!dragging.value) held.current = value;
  return held.current;
}

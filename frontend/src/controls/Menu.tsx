/** A button with a short list under it: one way for files, copies and pins. */

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

export interface MenuItem {
  text: string;
  run: () => void;
}

export function Menu({ label, items, align = "right" }: { label: string; items: readonly MenuItem[]; align?: "left" | "right" }): JSX.Element {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement | null>(null);

  useEffect(() => {
    if (!open) return;
    const away = (event: Event): void => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    addEventListener("pointerdown", away);
    root.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    return () => removeEventListener("pointerdown", away);
  }, [open]);

  function key(event: KeyboardEvent): void {
    if (!open) return;
    const buttons = [...(root.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (event.key === "Escape") {
      event.stopPropagation();
      setOpen(false);
      root.current?.querySelector("button")?.focus();
    } else if (next !== undefined) {
      event.preventDefault();
      buttons[(next + buttons.length) % buttons.length]?.focus();
    }
  }
  return (
    <div class="menu" ref={root} onKeyDown={key}>
      <button type="button" class="tool" aria-haspopup="menu" aria-expanded={open} onClick={() => setOpen(!open)}>{label}</button>
      {open && (
        <div class={`menu-list ${align}`} role="menu" aria-label={label}>
          {items.map((item) => (
            <button type="button" role="menuitem" key={item.text} onClick={() => { setOpen(false); root.current?.querySelector("button")?.focus(); item.run(); }}>
              {item.text}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

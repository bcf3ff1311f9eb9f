/** Groups of views, and what can be done with the whole page. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";

import { copies } from "../copy/copies";
import { Menu, type MenuItem } from "../controls/Menu";
import { INITIAL, writeLink, type View } from "../state/params";
import { MOST_PINS, pin, pins } from "../state/pins";
import { canRedo, canUndo, commit, permalink, redo, settled, undo, viewNow } from "../state/store";
import { theme, toggleTheme } from "../state/theme";
import { GROUPS, groupOf } from "./views";

export const copied = signal("");
let forget: ReturnType<typeof setTimeout> | undefined;

/** Copying has no trace on the page, so the bar says that it happened. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    copied.value = `${what} copied`;
  } catch {
    copied.value = `Copying is not allowed here: ${text}`;
  }
  clearTimeout(forget);
  forget = setTimeout(() => { copied.value = ""; }, 4000);
}

function go(view: View): (event: MouseEvent) => void {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    commit({ view, x: "", fig: INITIAL.fig });
  };
}

export function ViewLink({ view, name }: { view: View; name: string }): JSX.Element {
  const now = settled.value;
  return (
    <a href={writeLink({ ...now, view, x: "" })} onClick={go(view)} aria-current={now.view === view ? "page" : undefined}>
      {name}
    </a>
  );
}

function Groups(): JSX.Element {
  const here = groupOf(viewNow.value);
  return (
    <>
      {GROUPS.map((group) => {
        const first = (group.views[0] as (typeof group.views)[number]).view;
        return (
          <a key={group.name} href={writeLink({ ...settled.value, view: first, x: "" })} onClick={go(first)} aria-current={group === here ? "true" : undefined}>
            {group.name}
          </a>
        );
      })}
    </>
  );
}

const asOthers = (): MenuItem[] => copies(settled.value).map((one) => ({ text: one.name, run: () => void copy(one.text, one.name) }));

export function TopBar(): JSX.Element {
  return (
    <header class="top">
      <div class="brand">
        <svg viewBox="0 0 22 16" aria-hidden="true">
          <path d="M1.5 14.5 11 3.5h9.5" />
        </svg>
        tokenroof
      </div>
      <nav class="groups" aria-label="Groups of views"><Groups /></nav>
      <div class="tools">
        <span class="copied" role="status">{copied.value}</span>
        <button type="button" class="tool wide" disabled={!canUndo.value} onClick={undo}>Undo</button>
        <button type="button" class="tool wide" disabled={!canRedo.value} onClick={redo}>Redo</button>
        <button type="button" class="tool wide" disabled={pins.value.length >= MOST_PINS} onClick={pin}>Pin to compare</button>
        <div class="wide"><Menu label="Copy as …" items={asOthers()} /></div>
        <div class="phone">
          <Menu label="More" items={[
            ...(canUndo.value ? [{ text: "Undo", run: undo }] : []), ...(canRedo.value ? [{ text: "Redo", run: redo }] : []),
            ...(pins.value.length < MOST_PINS ? [{ text: "Pin to compare", run: pin }] : []),
            { text: "Copy link", run: () => void copy(permalink(), "Link") }, ...asOthers().map((one) => ({ ...one, text: `Copy as ${one.text}` })),
          ]} />
        </div>
        <button type="button" class="tool wide" onClick={() => void copy(permalink(), "Link")}>Copy link</button>
        <button type="button" class="tool" onClick={toggleTheme}>{theme.value === "dark" ? "Light" : "Dark"}</button>
      </div>
    </header>
  );
}

export function Bottom(): JSX.Element {
  return <nav class="bottom" aria-label="Groups of views, below"><Groups /></nav>;
}

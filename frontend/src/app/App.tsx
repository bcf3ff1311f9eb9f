/** The shell: bar, scenario, view, explanation. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { Panel } from "../explain/Panel";
import { Pinned } from "./Pinned";
import { extra, linkFaults, openNow, redo, show, undo, viewNow } from "../state/store";
import { Dock, ScenarioButton } from "./Dock";
import { Guarded } from "./Guarded";
import { NotePlain } from "./Note";
import { Bottom, TopBar, ViewLink } from "./TopBar";
import { entryOf, groupOf } from "./views";

function keys(event: KeyboardEvent): void {
  const typing = (event.target as HTMLElement).closest("input:not([type=range]), select, textarea");
  if (event.key === "Escape" && openNow.value) show({ x: "" });
  else if ((event.ctrlKey || event.metaKey) && !typing && event.key.toLowerCase() === "z") {
    event.preventDefault();
    if (event.shiftKey) redo();
    else undo();
  }
}

export function App(): JSX.Element {
  const view = viewNow.value;
  const x = openNow.value;
  const entry = entryOf(view);
  const main = useRef<HTMLElement | null>(null);
  const first = useRef(true);

  useEffect(() => {
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, []);
  useEffect(() => {
    document.title = `${entry.name} · tokenroof`;
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [view]);

  const View = entry.component;
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>Skip to the answer</a>
      <TopBar />
      <ScenarioButton />
      <div class={x ? "shell open" : "shell"}>
        <Dock />
        <main id="main" tabIndex={-1} ref={main}>
          <nav class="sub" aria-label="Views of this group">
            {groupOf(view).views.map((one) => <ViewLink key={one.view} view={one.view} name={one.name} />)}
          </nav>
          {linkFaults.value.map((fault) => <NotePlain key={fault}>{fault}.</NotePlain>)}
          {extra.value.length > 0 && <NotePlain>This link also says {extra.value.map(([key]) => key).join(", ")}, which this page does not know. It is kept.</NotePlain>}
          <Guarded key={view} name={entry.name}><View /></Guarded>
          <Pinned />
        </main>
        {x && <Panel />}
      </div>
      <Bottom />
    </>
  );
}

/** A view that fails says so, and the rest of the page goes on; another scenario tries it anew. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useErrorBoundary } from "preact/hooks";

import { settled } from "../state/store";

export function Guarded({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  const [error, retry] = useErrorBoundary((found: unknown) => {
    // told to the console too, where a bug report begins
    setTimeout(() => { throw found; });
  });
  const now = settled.value;
  useEffect(() => { if (error) retry(); }, [now]);
  if (!error) return <>{children}</>;
  return (
    <section aria-label={name}>
      <h1 class="answer">{name} cannot be drawn for this scenario.</h1>
      <div class="notebar" role="alert"><span><b>This is a fault of the page.</b> {String(error)}</span><button type="button" class="button" onClick={retry}>Try again</button></div>
    </section>
  );
}

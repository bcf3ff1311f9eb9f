/** Light or dark: the system's, until somebody chooses. The choice is the reader's, so no link carries it. */

import { effect, signal } from "@preact/signals";

export type Theme = "light" | "dark";

function initial(): Theme {
  const asked = new URLSearchParams(location.search).get("theme");
  if (asked === "dark" || asked === "light") return asked;
  let kept: string | null = null;
  try {
    kept = localStorage.getItem("tokenroof-theme");
  } catch {
    // a report opened from disk may have no storage
  }
  if (kept === "dark" || kept === "light") return kept;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export const theme = signal<Theme>(initial());

effect(() => {
  document.documentElement.dataset["theme"] = theme.value;
});

export function toggleTheme(): void {
  theme.value = theme.value === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("tokenroof-theme", theme.value);
  } catch {
    // not kept, then
  }
}

/** A model that the catalogue lacks: its config.json, read on this machine; a link names the upload alone. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { upload } from "../api/upload";
import { asProblem } from "../api/useAnswer";
import { isReport } from "../api/client";
import { commit } from "../state/store";

export function OwnModel(): JSX.Element | null {
  const [fault, setFault] = useState("");
  async function take(file: File): Promise<void> {
    setFault("");
    try {
      commit({ m: (await upload(file)).id });
    } catch (error) {
      const problem = asProblem(error);
      setFault(`${file.name}: ${problem.detail || problem.title}`);
    }
  }
  if (isReport) return null;
  return (
    <div class="edit">
      <label for="d-own">Or a config.json of your own, which stays on this machine</label>
      <input id="d-own" type="file" accept=".json" onChange={(event) => { const file = event.currentTarget.files?.[0]; if (file) void take(file); }} />
      {fault && <p class="fault" role="alert">{fault}</p>}
    </div>
  );
}

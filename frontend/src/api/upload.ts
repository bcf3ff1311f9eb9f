/** Files as raw bodies: the server keeps them under a name of its own, on this machine. */

import { send } from "./client";

export interface Uploaded {
  id: string;
  bytes: number;
  name: string;
}

export async function upload(file: File, signal?: AbortSignal): Promise<Uploaded> {
  const dot = file.name.lastIndexOf(".");
  const ending = dot < 0 ? "" : file.name.slice(dot).toLowerCase();
  const init: RequestInit = { method: "POST", headers: { "content-type": "application/octet-stream" }, body: file };
  if (signal) init.signal = signal;
  const response = await send(`/api/v1/uploads?ending=${encodeURIComponent(ending)}`, init);
  const answer = (await response.json()) as { id: string; bytes: number };
  return { ...answer, name: file.name };
}

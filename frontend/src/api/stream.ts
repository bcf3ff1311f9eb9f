/** Server-sent events over a POST: searches and simulations say how far they are, and stop when the reader leaves. */

import { send } from "./client";
import { readProblem, UNREACHABLE } from "./problem";

export interface Event {
  name: string;
  data: unknown;
}

/** The events of a text so far, and what is left of an unfinished one. */
export function splitEvents(text: string): [Event[], string] {
  const blocks = text.replace(/\r\n/g, "\n").split("\n\n");
  const rest = blocks.pop() ?? "";
  const events: Event[] = [];
  for (const block of blocks) {
    let name = "message";
    const data: string[] = [];
    for (const line of block.split("\n")) {
      if (line.startsWith("event:")) name = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5).trim());
    }
    if (data.length > 0) events.push({ name, data: JSON.parse(data.join("\n")) });
  }
  return [events, rest];
}

export async function stream<T>(
  path: string,
  body: unknown,
  onProgress: (progress: Record<string, unknown>) => void,
  signal: AbortSignal,
): Promise<T> {
  const response = await send(path, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream" },
    body: JSON.stringify(body),
    signal,
  });
  if (!(response.headers.get("content-type") ?? "").startsWith("text/event-stream")) return (await response.json()) as T;
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  while (reader) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw (error as Error).name === "AbortError" ? error : UNREACHABLE;
    });
    if (done) break;
    const [events, left] = splitEvents(rest + decoder.decode(value, { stream: true }));
    rest = left;
    for (const event of events) {
      if (event.name === "progress") onProgress(event.data as Record<string, unknown>);
      else if (event.name === "problem") {
        const status = Number((event.data as Record<string, unknown>)["status"] ?? 400);
        throw readProblem(event.data, status);
      } else if (event.name === "answer") return event.data as T;
    }
  }
  throw UNREACHABLE;
}

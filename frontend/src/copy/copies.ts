/** The same question at the other doors: command line, Python, HTTP. */

import type { State, View } from "../state/params";
import { compared, deployment, drafted, fleet, layout, lengths, scenario, searched, trained, type Body } from "../state/request";

interface Verb {
  verb: string;
  body: Body;
}

const FIRST = new Set(["model", "offer"]);
/** Fields that the command line calls otherwise: it repeats what Python takes as a list. */
const FLAGS: Readonly<Record<string, string>> = { batches: "batch", usd_per_gpu_h: "price_per_gpu_hour" };

/** The question that stands behind a view. */
export function questionOf(state: State): Verb {
  const plain: Partial<Record<View, Verb>> = {
    plan: { verb: "plan", body: searched(state) },
    machines: { verb: "plan", body: fleet(state, compared(state).join(",")) },
    money: { verb: "price", body: scenario(state) },
    speculation: { verb: "speculate", body: drafted(state) },
    simulate: { verb: "simulate", body: { ...deployment(state), ...layout(state), ...lengths(state), request_rate: state.rate } },
    training: { verb: "train", body: trained(state) },
    deduce: { verb: "deduce", body: { offer: state.offer } },
    learn: { verb: "lecture", body: { chapter: state.chapter } },
  };
  return plain[state.view] ?? { verb: "analyze", body: { ...scenario(state), batch: state.b, ...(state.c ? { isl: Math.max(1, state.c - state.osl / 2) } : {}) } };
}

function quoted(value: unknown): string {
  const text = String(value);
  return /^[A-Za-z0-9_.,:/+=-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}

export function asCli({ verb, body }: Verb): string {
  const words = ["tokenroof", verb];
  for (const [key, value] of Object.entries(body)) {
    if (FIRST.has(key)) words.push(quoted(value));
    else for (const one of Array.isArray(value) ? value : [value]) words.push(`--${(FLAGS[key] ?? key).replace(/_/g, "-")}`, quoted(one));
  }
  return words.join(" ");
}

export function asPython({ verb, body }: Verb): string {
  const given = Object.entries(body).map(([key, value]) => {
    const text = JSON.stringify(value);
    return FIRST.has(key) ? text : `${key}=${text}`;
  });
  return `import tokenroof\n\nanswer = tokenroof.${verb.replace(/-/g, "_")}(${given.join(", ")})`;
}

export function asCurl({ verb, body }: Verb, origin: string): string {
  const text = JSON.stringify(body).replace(/'/g, "'\\''");
  return verb === "lecture"
    ? `curl '${origin}/api/v1/lecture?chapter=${String(body["chapter"])}'`
    : `curl -H 'content-type: application/json' -d '${text}' ${origin}/api/v1/${verb}`;
}

export function copies(state: State): { name: string; text: string }[] {
  const question = questionOf(state);
  return [
    { name: "Command line", text: asCli(question) },
    // the lecture is for reading: it has no function
    ...(question.verb === "lecture" ? [] : [{ name: "Python", text: asPython(question) }]),
    { name: "curl", text: asCurl(question, location.origin) },
  ];
}

/** The lecture chapter by chapter, each beside the scenario of this page; flashcards ask first; slips have their right form. */

import type { JSX } from "preact";

import { ViewLink } from "../../app/TopBar";
import { Note, Pending } from "../../app/Note";
import { useAnswer } from "../../api/useAnswer";
import { batchWithin, pointAt, rentOf, wall } from "../../evaluator/operating";
import type { Curves } from "../../evaluator/types";
import { bytes, dollars, time, whole } from "../../numbers/format";
import type { State, View } from "../../state/params";
import { curvesOf } from "../../state/request";
import { commit, state } from "../../state/store";
import { ClaimCard } from "./ClaimCard";
import type { Lecture } from "./types";

/** Where in the recording a chapter begins. */
const TIME = / \(\d\d:.*$/;

/** Where the idea of a chapter can be moved by hand. */
const VIEW_OF: Record<string, [View, string]> = {
  batch: ["blackboard", "Blackboard"], rack: ["layout", "Layout"], pipeline: ["layout", "Layout"], capacity: ["layout", "Layout"], overtraining: ["training", "Training"],
  prices: ["context", "Context and KV"], deductions: ["deduce", "Deduce"], hardware: ["operators", "Operators"], "scaling-laws": ["training", "Training"], "price-sheets": ["money", "Money"],
};

/** What the chapter's idea says of the scenario in the dock. */
function live(key: string, curves: Curves, now: State): string {
  const context = now.c || curves.at.context;
  const room = wall(curves, context);
  if (room < 1) return `On your scenario: ${curves.model} does not fit on ${curves.system_name}.`;
  const batch = Math.max(1, Math.min(now.b, room));
  const point = pointAt(curves, batch, context, rentOf(curves, now.p));
  const within = batchWithin(curves, context, now.tpot / 1000, room);
  const name = curves.model_name.split("/").pop() ?? curves.model;
  if (key === "rack" || key === "pipeline") return `On your scenario: ${name} in ${curves.layout_label.toUpperCase()} spends ${time(point.network_s)} of each ${time(point.step_s)} step on the network.`;
  if (key === "capacity") return `On your scenario: the cache has ${bytes(curves.memory.pool_bytes)} on each GPU, room for ${whole(room)} sequences of ${whole(context)} tokens.`;
  if (key === "prices") return `On your scenario: a million output tokens cost ${dollars(point.usd)} at a batch of ${whole(batch)}; memory is read once in ${time(curves.drain_s)}.`;
  return `On your scenario: at a batch of ${whole(batch)} a step of ${name} takes ${time(point.step_s)}, of it ${time(point.weights_s)} for weights, ${time(point.kv_s)} for the cache and ${time(point.compute_s)} of arithmetic; ${within ? `${whole(within)} keep your limit` : "no batch keeps your limit"}.`;
}

export function Learn(): JSX.Element {
  const now = state.value;
  const asked = useAnswer<Lecture>("/api/v1/lecture", undefined);
  const curves = useAnswer<Curves>("/api/v1/curves", curvesOf(now)).answer;
  const { answer } = asked;
  if (!answer) return <Pending asked={asked} name="Learn" />;
  const chapter = answer.chapters.find((one) => one.key === now.chapter) ?? answer.chapters[0];
  const claims = answer.claims.filter((one) => one.chapter === chapter?.key);
  const cards = chapter?.key === "flashcards";
  const link = VIEW_OF[chapter?.key ?? ""];
  return (
    <section aria-label="Learn" class={asked.stale ? "stale" : ""}>
      <Note asked={asked} />
      <h1 class="answer">{chapter?.title.replace(TIME, "")}: {cards ? "guess first, then look." : <><b>{chapter?.reproduced}</b> claims hold, <b>{chapter?.corrected}</b> are slips with their right form.</>}</h1>
      <p class="because">{curves && chapter ? live(chapter.key, curves, now) : ""} {link && <>Move it: <ViewLink view={link[0]} name={link[1]} />.</>}</p>
      <nav class="chapters" aria-label="Chapters">
        {answer.chapters.map((one) => (
          <button type="button" class="button" key={one.key} aria-current={one.key === chapter?.key ? "true" : undefined} onClick={() => commit({ chapter: one.key })}>{one.title.replace(TIME, "")}</button>
        ))}
      </nav>
      {claims.map((claim) => <ClaimCard key={claim.id} claim={claim} predict={cards} />)}
      {claims[0] && <p class="note">Source: {claims[0].source.title}</p>}
    </section>
  );
}

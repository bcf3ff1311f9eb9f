/** The numbers that can be opened: their names, what they mean, and which question Python is asked for them. */

import type { State } from "../state/params";
import { scenario, searched, type Body } from "../state/request";

export interface Known {
  title: string;
  means: string;
  verb: string;
  number: string;
}

export const NUMBERS: Readonly<Record<string, Known>> = {
  speed: { title: "Tokens a second for each user", means: "How fast one answer is written: one over the time per output token.", verb: "analyze", number: "interactivity" },
  tpot: { title: "Time per output token", means: "A decode step of all running requests, and the prompts of others that come between two tokens.", verb: "analyze", number: "tpot_s" },
  step: { title: "Decode step", means: "One pass of the model that gives every running request its next token.", verb: "analyze", number: "decode_step_s" },
  cost: { title: "Cost per million output tokens", means: "The rent of all GPUs, shared by the output tokens they make; prompts pay for their own share.", verb: "analyze", number: "cost_output_usd_per_mtok" },
  costin: { title: "Cost per million input tokens", means: "The rent of the time that prompts take, shared by their tokens.", verb: "analyze", number: "cost_input_usd_per_mtok" },
  yield: { title: "Output tokens per second and GPU", means: "All GPUs of the system counted.", verb: "analyze", number: "output_tokens_per_s_per_gpu" },
  plancost: { title: "Cost per million output tokens, prompts on them", means: "The rent of all GPUs over the output tokens they make; nothing is put on the input.", verb: "plan", number: "usd_per_mtok_all" },
  plantpot: { title: "Time per output token of the pick", means: "A decode step of all running requests, and the prompts of others that come between two tokens.", verb: "plan", number: "tpot_s" },
  pricein: { title: "Cost per million input tokens at full load", means: "The rent of the time that prompts take, shared by their tokens.", verb: "price", number: "usd_per_mtok_input" },
  priceout: { title: "Cost per million output tokens at full load", means: "The rent of all GPUs, shared by the output tokens they make; prompts pay for their own share.", verb: "price", number: "usd_per_mtok_output" },
  pricetpot: { title: "Time per output token at full load", means: "A decode step at the batch that your limits allow, with the prompts of others in between.", verb: "price", number: "tpot_s" },
  weights: { title: "Reading the weights, closed form", means: "All weights once through memory: the floor under any batch.", verb: "analyze", number: "weights_s" },
  kv: { title: "Reading the KV cache, closed form", means: "The cache of every running sequence, once a step.", verb: "analyze", number: "kv_s" },
  compute: { title: "Arithmetic, closed form", means: "Two operations for each active parameter and sequence.", verb: "analyze", number: "compute_s" },
  ridge: { title: "Ridge", means: "Work for each byte from which on arithmetic, not memory, sets the pace.", verb: "analyze", number: "ridge" },
  critical: { title: "Critical batch", means: "Sequences from which on arithmetic outlasts the reading of weights.", verb: "analyze", number: "critical_batch" },
  knee: { title: "Knee of the context", means: "Length at which reading the KV cache takes as long as the arithmetic.", verb: "analyze", number: "critical_context" },
};

/** What each verb is asked for the numbers of its views. */
export function bodyOf(verb: string, state: State, batch: number): Body {
  if (verb === "plan") return searched(state);
  // at the load that the limits allow, as break-even stands on it
  if (verb === "price") return { ...scenario(state), ...(state.owner ? { owner: state.owner } : {}) };
  return pointBody(state, batch);
}

/** The scenario at its operating point, as the panel and the command line both ask it. */
export function pointBody(state: State, batch: number): Body {
  const body = scenario(state);
  // a load that is given replaces the limits that would set it
  return { ...body, batch: Math.max(1, batch), ...(state.c > 0 ? { isl: Math.max(1, Math.round(state.c - state.osl / 2)) } : {}) };
}

/** The numbers that can be opened: their names, what they mean, and which question Python is asked for them. */

import type { State } from "../state/params";
import { apiOf } from "../state/offers";
import { drafted, fleet, scenario, searched, trained, type Body } from "../state/request";

export interface Known {
  title: string;
  means: string;
  verb: string;
  number: string;
}

type Row = readonly [title: string, number: string, means: string];

const OF: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  analyze: {
    speed: ["Tokens a second for each user", "interactivity", "How fast one answer is written: one over the time per output token."],
    tpot: ["Time per output token", "tpot_s", "A decode step of all running requests, and the prompts of others that come between two tokens."],
    step: ["Decode step", "decode_step_s", "One pass of the model that gives every running request its next token."],
    cost: ["Cost per million output tokens", "cost_output_usd_per_mtok", "The rent of all GPUs, shared by the output tokens they make; prompts pay for their own share."],
    costin: ["Cost per million input tokens", "cost_input_usd_per_mtok", "The rent of the time that prompts take, shared by their tokens."],
    yield: ["Output tokens per second and GPU", "output_tokens_per_s_per_gpu", "All GPUs of the system counted."],
    weights: ["Reading the weights, closed form", "weights_s", "All weights once through memory: the floor under any batch."],
    kv: ["Reading the KV cache, closed form", "kv_s", "The cache of every running sequence, once a step."],
    compute: ["Arithmetic, closed form", "compute_s", "Two operations for each active parameter and sequence."],
    ridge: ["Ridge", "ridge", "Work for each byte from which on arithmetic, not memory, sets the pace."],
    critical: ["Critical batch", "critical_batch", "Sequences from which on arithmetic outlasts the reading of weights."],
    knee: ["Knee of the context", "critical_context", "Length at which reading the KV cache takes as long as the arithmetic."],
    gweights: ["Weights on a GPU", "gpu_weights_bytes", "What the fullest GPU holds of the weights once they are loaded."],
    gcache: ["Room for the KV cache on a GPU", "gpu_cache_bytes", "What the engine gives to the cache, by its own rule."],
    gact: ["Activations on a GPU", "gpu_activations_bytes", "The most that a step holds beside weights and cache."],
    grest: ["Engine, drivers and what stays free", "gpu_rest_bytes", "What is neither weights, cache nor activations."],
    room: ["Requests that memory holds", "room", "Of one copy of the model, at the length that a request holds on average."],
    comm: ["Time on links in a step", "communication_s", "Every exchange between GPUs in one decode step."],
    experts: ["Experts on a GPU", "experts_per_gpu", "Routed experts of one layer."],
  },
  plan: {
    plancost: ["Cost per million output tokens, prompts on them", "usd_per_mtok_all", "The rent of all GPUs over the output tokens they make; nothing is put on the input."],
    planout: ["Cost per million output tokens", "usd_per_mtok_output", "The rent of all GPUs, shared by the output tokens they make; prompts pay for their own share."],
    plantpot: ["Time per output token of the pick", "tpot_s", "A decode step of all running requests, and the prompts of others that come between two tokens."],
    planspeed: ["Tokens a second for each user of the pick", "tokens_per_s_per_user", "One over the time per output token."],
    planyield: ["Output tokens per second and GPU of the pick", "output_tokens_per_s_per_gpu", "All GPUs that are paid for counted."],
    planusers: ["Users at once", "concurrency", "As many as keep every limit: requests a second, times how long one stays."],
    perusd: ["Output tokens for a dollar", "tokens_per_usd", "Prompts included."],
    fleetsys: ["Whole systems for all users", "systems", "Users over those that one system carries within the limits."],
    fleetw: ["Power of the GPUs", "watts", "GPUs alone: host, network and cooling come on top."],
    fleetusd: ["Rent of the fleet for a month", "usd_per_month", "730 hours of every GPU that is paid for."],
    permw: ["Users for a megawatt", "users_per_mw", "Of the GPUs' own power."],
  },
  price: {
    pricein: ["Cost per million input tokens at full load", "usd_per_mtok_input", "The rent of the time that prompts take, shared by their tokens."],
    priceout: ["Cost per million output tokens at full load", "usd_per_mtok_output", "The rent of all GPUs, shared by the output tokens they make; prompts pay for their own share."],
    pricetpot: ["Time per output token at full load", "tpot_s", "A decode step at the batch that your limits allow, with the prompts of others in between."],
  },
  "break-even": {
    duty: ["Share of the hours from which your own pays", "duty_cycle", "There both cost the same for each request."],
    crossrate: ["Requests a second from which your own pays", "crossing_requests_per_s", "The mean over all hours."],
    crosstokens: ["Tokens a day from which your own pays", "crossing_tokens_per_day", "Prompts and answers."],
    ownusd: ["Cost of a request on your own machine", "request_busy_usd", "The rent of all GPUs over the requests they complete when busy."],
    apiusd: ["Bill of a request at the API", "request_api_usd", "Its price sheet on the tokens of a request."],
  },
  speculate: {
    speedup: ["Speed-up of drafts", "speedup", "Tokens of a verify step, over its time and that of the drafts, against ordinary steps; the best depth at your batch."],
    stops: ["Batch at which drafts stop paying", "stops_at", "There a verify step takes as long as ordinary steps for as many tokens."],
    cbound: ["Batch from which checking is arithmetic", "compute_bound_from", "From there on every draft adds to the time of the step."],
  },
  train: {
    served: ["Tokens served", "inference_tokens", "A rate over a life in service."],
    pretrain: ["Training tokens at equal bills", "pretrain_tokens", "So many that training costs what serving costs."],
    rltokens: ["Tokens of reinforcement learning", "rl_tokens", "So many that it costs what training costs."],
    over: ["Over-training", "overtraining", "Training tokens over the usual number for this size."],
    preflop: ["Arithmetic of training", "pretrain_flops", "Six FLOP for each parameter and token."],
    rlflop: ["Arithmetic of reinforcement learning", "rl_flops", "In FLOP of training: decode is inefficient."],
    serveflop: ["Arithmetic of serving", "inference_flops", "In FLOP of training: decode is inefficient."],
    optn: ["Parameters of the cheapest model", "optimum_params", "Of all models with this loss the one that costs least to train and to serve."],
    optd: ["Training tokens of the cheapest model", "optimum_tokens", "Of all models with this loss the one that costs least to train and to serve."],
    alonen: ["Parameters of the cheapest to train", "alone_params", "As if nobody were served."],
    aloned: ["Training tokens of the cheapest to train", "alone_tokens", "As if nobody were served."],
    splitover: ["Equal bills over the cheapest", "split_over_optimum", "What the heuristic costs beside the optimum, reinforcement learning left out of both."],
  },
};

const NUMBERS = new Map(
  Object.entries(OF).flatMap(([verb, rows]) => Object.entries(rows).map(([key, [title, number, means]]) => [key, { title, means, verb, number }] as const)),
);

/** Numbers of Deduce have the names of Python: unknowns, `regression_` of them, and facts alone. */
const DEDUCED = "d-";

const ALONE = "What this fact says by itself.";

function deduced(number: string): Known {
  const words = number.replace(/_/g, " ").replace("total params", "all parameters").replace("params", "parameters").replace("kv bytes", "KV cache");
  const title = words.charAt(0).toUpperCase() + words.slice(1);
  const unknown = ["total_params", "active_params", "kv_bytes_per_token"].includes(number.replace("regression_", ""));
  const means = number.startsWith("regression_") ? "A line through prices of open models, without physics." : unknown ? "The median of all draws, each weighed by how well it explains the sheet." : ALONE;
  return { title, means, verb: "deduce", number };
}

export function knownNumber(name: string): Known | undefined {
  return name.startsWith(DEDUCED) ? deduced(name.slice(DEDUCED.length)) : NUMBERS.get(name);
}

export const factKey = (name: string): string => DEDUCED + name.replace(/[ -]/g, "_");

/** What each verb is asked for the numbers of its views. `where` is the machine that is compared, of a plan. */
export function bodyOf(verb: string, state: State, batch: number, where = ""): Body {
  switch (verb) {
    case "plan":
      return where ? fleet(state, where) : searched(state);
    case "price":
      // at the load that the limits allow, as break-even stands on it
      return { ...scenario(state), ...(state.owner ? { owner: state.owner } : {}) };
    case "break-even":
      return { ...scenario(state), offer: apiOf(state), ...(state.owner ? { owner: state.owner } : {}) };
    case "speculate":
      return { ...drafted(state), batches: [Math.max(1, Math.round(batch))] };
    case "train":
      return trained(state);
    case "deduce":
      return { offer: state.offer };
    default:
      return pointBody(state, batch);
  }
}

/** The scenario at its operating point, as the panel and the command line both ask it. */
export function pointBody(state: State, batch: number): Body {
  const body = scenario(state);
  // a load that is given replaces the limits that would set it
  return { ...body, batch: Math.max(1, batch), ...(state.c > 0 ? { isl: Math.max(1, Math.round(state.c - state.osl / 2)) } : {}) };
}

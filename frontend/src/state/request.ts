/** The scenario as the API and the command line name it. */

import type { State } from "./params";

export type Body = Record<string, unknown>;

function given(fields: Record<string, unknown>): Body {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== 0 && value !== "" && value !== undefined));
}

/** Model, machine, engine and formats: what every question about a deployment holds. */
export function deployment(state: State): Body {
  return given({ model: state.m, system: state.s, engine: state.e, weight_dtype: state.w, kv_dtype: state.kv });
}

export function layout(state: State): Body {
  return given({ tp: state.tp, pp: state.pp, ep: state.ep, dp: state.dp });
}

export function lengths(state: State): Body {
  return { isl: state.isl, osl: state.osl };
}

export function limits(state: State): Body {
  return given({ tpot: state.tpot / 1000, ttft: state.ttft / 1000 });
}

export function prices(state: State): Body {
  return given({ price_per_gpu_hour: state.p });
}

export function scenario(state: State): Body {
  return { ...deployment(state), ...layout(state), ...lengths(state), ...limits(state), ...prices(state) };
}

/** Without degrees: the search is for them. */
export function searched(state: State): Body {
  return { ...deployment(state), ...lengths(state), ...limits(state), ...prices(state) };
}

/** What the curves stand on; batch, context, limit and price are moved in the browser. */
export function curvesOf(state: State): Body {
  return { ...deployment(state), ...layout(state), ...lengths(state) };
}

/** One machine, or several, for as many users at once. */
export function fleet(state: State, systems: string): Body {
  return { ...searched(state), system: systems, concurrency: state.users };
}

export function drafted(state: State): Body {
  return { ...deployment(state), ...layout(state), ...lengths(state), acceptance: state.accept };
}

export function trained(state: State): Body {
  return { model: state.m, tokens_per_s: state.served };
}

/** The scenario's machine and those beside it: five at most. */
export function compared(state: State): string[] {
  return [state.s, ...state.vs.split(",").filter((one) => one && one !== state.s)].slice(0, 5);
}

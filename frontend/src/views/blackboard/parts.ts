/** The lines under the total: a hue, a dash and a name each, because colours alone come too close for some. */

import type { Point } from "../../evaluator/operating";

export interface Part {
  key: "weights" | "kv" | "compute" | "network" | "launch";
  name: string;
  short: string;
  dash: string;
  of: (point: Point) => number;
  doing: string;
}

export const PARTS: readonly Part[] = [
  { key: "weights", name: "Weights", short: "Weights", dash: "7 4", of: (p) => p.weights_s, doing: "Reading the weights" },
  { key: "kv", name: "KV cache", short: "KV", dash: "2 3", of: (p) => p.kv_s, doing: "Reading the KV cache" },
  { key: "compute", name: "Compute", short: "Compute", dash: "10 3 2 3", of: (p) => p.compute_s, doing: "Arithmetic" },
  { key: "network", name: "Network", short: "Network", dash: "4 2 1 2", of: (p) => p.network_s, doing: "The network" },
  { key: "launch", name: "Launches, host", short: "Launches", dash: "1 2", of: (p) => p.launches_s, doing: "Launching kernels" },
];

export function largest(point: Point): Part {
  return PARTS.reduce((most, part) => (part.of(point) > most.of(point) ? part : most));
}

/** What fills the memory of a GPU, in the order in which the engine takes it. */

export interface Memory {
  total_bytes: number;
  weights_bytes: number;
  activations_bytes: number;
  outside_bytes: number;
  reserved_bytes: number;
  cache_pool_bytes: number;
}

export interface Filled {
  key: string;
  name: string;
  bytes: number;
  /** Its explanation. */
  opens: string;
}

export function partsOf(memory: Memory): Filled[] {
  return [
    { key: "weights", name: "weights", bytes: memory.weights_bytes, opens: "gweights" },
    { key: "kv", name: "KV cache pool", bytes: Math.max(0, memory.cache_pool_bytes), opens: "gcache" },
    { key: "compute", name: "activations", bytes: memory.activations_bytes, opens: "gact" },
    // the rest that the engine leaves or that drivers, buffers and graphs take
    { key: "launch", name: "engine, drivers, left free", bytes: Math.max(0, memory.reserved_bytes), opens: "grest" },
  ];
}

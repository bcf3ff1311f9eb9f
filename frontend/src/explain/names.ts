/** Inputs as people call them: Python's names where they read well, these where they do not. */

const WORDS: Readonly<Record<string, string>> = {
  usd_per_gpu_s: "rent of a GPU", gpus_paid: "GPUs paid for", gpus: "GPUs", osl: "tokens out", isl: "tokens in", requests_per_s: "requests a second",
  prefill_share: "share of prompts", output_share: "share of answers", share: "share of these tokens", duty_cycle: "share of hours busy", e2e_s: "time of a request", tpot_s: "time per token",
  watts_per_gpu: "power of a GPU", users_of_one: "users of one system", concurrency: "users at once", system_usd_per_s: "rent of all GPUs",
  weight_dtype: "weights in", kv_dtype: "cache in",
  step_s: "decode step", decode_step_s: "decode step", waiting_s: "prompts of others", prefill_of_others_s: "prompts of others",
  verification_s: "verify step", draft_s: "a draft", deployed_s: "time in service", rl_flops_per_param_token: "FLOP of RL a parameter and token",
  bytes_per_s: "memory bandwidth", chip_bytes_per_s: "memory bandwidth of a chip", chip_flops_per_s: "arithmetic of a chip", total_bytes: "memory of a GPU", outside_bytes: "outside the allocator",
  scaleup_bytes_per_s: "bandwidth between GPUs", scaleout_bytes_per_s: "bandwidth between machines", collective_latency_s: "latency of collectives", kernel_overhead_s: "launches of kernels", host_s: "host",
};

export const wordsOf = (name: string): string => WORDS[name] ?? name.replace(/_/g, " ");

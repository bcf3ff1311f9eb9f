/** The cache by kind of layer, and where it is cheapest to keep it while nobody reads. */

import type { JSX } from "preact";

import { Note } from "../../app/Note";
import { useAnswer } from "../../api/useAnswer";
import { DataTable } from "../../charts/Figure";
import { bytes, dollars, figures, time } from "../../numbers/format";
import { scenario } from "../../state/request";
import { scenarioNow } from "../../state/store";

interface Kv {
  models: { bytes_per_token: number; state_bytes_per_sequence: number; terms: { layers: number; kind: string; formula: string; substituted: string }[]; contexts: { context: number; stored_bytes: number; read_bytes_per_step: number }[] }[];
}

interface Price {
  cache: null | {
    recompute_s: number;
    tiers: { id: string; name: string; drain_s: number; hold_usd_per_mtok_h: number; read_over_uncached: number; recompute_from_s: number | null; reload_s: number | null }[];
    ladder: { tier: string; from_s: number; to_s: number | null }[];
  };
  context: null | { input_bend: number | null; output_bend: number | null; verdict: string };
}

export function CacheTables(): JSX.Element {
  const now = scenarioNow.value;
  const kv = useAnswer<Kv>("/api/v1/kv", { models: [now.m], context: [8192, 131072], ...(now.kv ? { kv_dtype: now.kv } : {}) });
  const price = useAnswer<Price>("/api/v1/price", scenario(now), { settle: 400 });
  const model = kv.answer?.models[0];
  const cache = price.answer?.cache;
  const names = new Map(cache?.tiers.map((tier) => [tier.id, tier.name]) ?? []);
  return (
    <>
      <section class="block" aria-label="Cache by kind of layer">
        <h2>What a token leaves in the cache</h2>
        <Note asked={kv} />
        {model && (
          <DataTable name="cache by kind of layer" table={{
            columns: [{ name: "Layers", right: true }, { name: "Kind" }, { name: "Bytes a token" }, { name: "With values" }],
            rows: model.terms.map((term) => [term.layers, term.kind, term.formula, term.substituted]),
          }} />
        )}
        {model && <p class="small">{bytes(model.bytes_per_token)} a token in all{model.state_bytes_per_sequence ? `, and ${bytes(model.state_bytes_per_sequence)} of state for each sequence` : ""}; {model.contexts.map((one) => `${bytes(one.stored_bytes)} at ${one.context.toLocaleString("en-US")} tokens`).join(", ")}.</p>}
      </section>
      <section class="block" aria-label="Keep, reload or recompute">
        <h2>Keep, reload or compute again</h2>
        <Note asked={price} doing="Pricing" />
        {cache && cache.ladder.length > 0 && (
          <p class="small">
            {cache.ladder.map((one) => `${one.from_s === 0 ? "Up to" : "Then up to"} ${one.to_s === null ? "any time" : time(one.to_s)}: ${names.get(one.tier) ?? one.tier.replace("recompute", "compute again")}.`).join(" ")} Computing a prompt again takes {time(cache.recompute_s)}.
          </p>
        )}
        {cache && (
          <DataTable name="tiers of memory" table={{
            columns: [{ name: "Tier" }, { name: "$ to hold a M tokens an hour", right: true }, { name: "reads in", right: true }, { name: "reading over prefill", right: true }, { name: "compute again from", right: true }],
            rows: cache.tiers.map((tier) => [tier.name, dollars(tier.hold_usd_per_mtok_h), tier.reload_s === null ? "–" : time(tier.reload_s), `${figures(tier.read_over_uncached * 100, 2)} %`, tier.recompute_from_s === null ? "never" : time(tier.recompute_from_s)]),
          }} />
        )}
      </section>
    </>
  );
}

/** The scenario of Deduce: whose price sheet is read. */

import type { JSX } from "preact";

import { useAnswer } from "../api/useAnswer";
import { commit, scenarioNow } from "../state/store";
import { Pick } from "./fields";

interface OfferRow {
  id: string;
  lab: string;
  currency: string;
  input_per_mtok: number;
  output_per_mtok: number;
  cached_per_mtok: number | null;
  as_of: string;
  context: number | null;
}

export function DeduceDock(): JSX.Element {
  const now = scenarioNow.value;
  const rows = useAnswer<{ rows: OfferRow[]; source: string }>("/api/v1/offers", undefined).answer?.rows ?? [];
  const row = rows.find((one) => one.id === now.offer);
  return (
    <>
      <Pick id="offer" name="Offer: a public price sheet" value={now.offer} options={rows.map((one) => [one.id, one.lab])} onPick={(offer) => commit({ offer })} />
      {row && (
        <dl class="facts">
          <div><dt>Lab</dt><dd>{row.lab}</dd></div>
          <div><dt>Input, output</dt><dd>{row.input_per_mtok}, {row.output_per_mtok} {row.currency} per M</dd></div>
          {row.cached_per_mtok !== null && <div><dt>Cached input</dt><dd>{row.cached_per_mtok} {row.currency} per M</dd></div>}
          <div><dt>Sheet of</dt><dd>{row.as_of}</dd></div>
        </dl>
      )}
    </>
  );
}

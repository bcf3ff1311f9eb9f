/** How long to train a model that is going to be served: tokens, parameters and the three bills. */

import type { JSX } from "preact";

import { Note, Pending } from "../../app/Note";
import { useAnswer } from "../../api/useAnswer";
import { DataTable, Figure, type Table } from "../../charts/Figure";
import { logSpace } from "../../charts/scales";
import { XYChart } from "../../charts/XYChart";
import { Slider } from "../../controls/Slider";
import { figures, money, percent, scaled, times } from "../../numbers/format";
import { commit, drag, state } from "../../state/store";

interface Train {
  model: string;
  params: number;
  inference_tokens: number;
  tokens_per_param: number;
  fit: { name: string; source: string };
  equal: { params: number; pretrain_tokens: number; rl_tokens: number; inference_tokens: number; pretrain_flops: number; rl_flops: number; inference_flops: number; overtraining: number; loss: number };
  optimum: null | { params: number; tokens: number; overtraining: number; tokens_per_param: number; training_share: number; alone_params: number; alone_tokens: number; split_over_optimum: number };
  bills: readonly { name: string; flops: number; gpu_hours: number | null; usd: number | null }[];
  defaults: readonly { field: string; value: unknown; reason: string }[];
}

export function Training(): JSX.Element {
  const now = state.value;
  const asked = useAnswer<Train>("/api/v1/train", { model: now.m, tokens_per_s: now.served });
  const { answer } = asked;
  if (!answer) return <Pending asked={asked} name="Training" />;
  const { equal, optimum } = answer;
  const points = [
    { key: "equal", x: equal.params, y: equal.pretrain_tokens, kind: "solid" as const, label: "equal bills" },
    ...(optimum ? [
      { key: "optimum", x: optimum.params, y: optimum.tokens, kind: "ring" as const, label: "cheapest for the same loss" },
      { key: "alone", x: optimum.alone_params, y: optimum.alone_tokens, kind: "open" as const, label: "cheapest to train alone" },
    ] : []),
  ];
  const xs = points.map((one) => one.x);
  const ys = points.map((one) => one.y);
  const x: [number, number] = [Math.min(...xs) / 4, Math.max(...xs) * 6];
  const y: [number, number] = [Math.min(...ys, x[0] * 20) / 2, Math.max(...ys, x[1] * 20) * 2];
  const says = `Equal bills train ${scaled(equal.params)} parameters on ${scaled(equal.pretrain_tokens)} tokens.`;
  const table = (): Table => ({
    columns: [{ name: "Plan" }, { name: "Parameters", right: true }, { name: "Training tokens", right: true }],
    rows: points.map((one) => [one.label, scaled(one.x), scaled(one.y)]),
  });
  return (
    <section aria-label="Training" class={asked.stale ? "stale" : ""}>
      <Note asked={asked} />
      <h1 class="answer">
        To serve {scaled(answer.inference_tokens, 2)} tokens, train on about <b>{scaled(equal.pretrain_tokens, 2)}</b>: then training, RL and serving cost the same, at <b>{figures(equal.overtraining, 2)} times</b> the usual {figures(answer.tokens_per_param)} tokens a parameter.
      </h1>
      <p class="because">
        {optimum ? `For the same loss the cheapest in all has ${scaled(optimum.params, 2)} active parameters and ${scaled(optimum.tokens, 2)} tokens; equal bills cost ${times(optimum.split_over_optimum)} of it. ` : ""}Active parameters are those of {answer.model}. Served: {scaled(now.served)} tokens a second for 60 days.
      </p>
      <Figure name="Parameters against training tokens" stamp={answer.model} table={table} data={answer} dim={asked.stale} source={<><span>Scaling law: {answer.fit.source}.</span><span>{answer.model}</span></>}>
        {(width) => (
          <XYChart id="training" width={width} margin={130} says={says}
            x={{ kind: "log", domain: x, text: (value) => scaled(value, 1), name: "active parameters (log)" }}
            y={{ kind: "log", domain: y, text: (value) => scaled(value, 1), name: "Training tokens", unit: "log" }}
            series={[{ key: "chinchilla", look: "line-3", dash: "4 3", label: `${figures(answer.tokens_per_param)} a parameter`, points: logSpace(x[0], x[1], 2).map((value) => [value, value * answer.tokens_per_param] as const) }]}
            dots={points} />
        )}
      </Figure>
      <div class="controls">
        <Slider id="served" name="Tokens served" unit="a second, mean" value={now.served} low={1e5} high={1e10} text={(value) => scaled(value)} round={(value) => Number(value.toPrecision(2))} ends={["100 K", "10 B"]} onDrag={(served) => drag({ served })} onCommit={(served) => commit({ served })} />
      </div>
      <section class="block" aria-label="Bills">
        <h2>The bills</h2>
        <DataTable name="bills" table={{
          columns: [{ name: "For" }, { name: "FLOP", right: true }, { name: "share of the three", right: true }, { name: "GPU-hours", right: true }, { name: "US dollars", right: true }],
          rows: answer.bills.length ? answer.bills.map((one) => [one.name, one.flops.toExponential(2), "", scaled(one.gpu_hours), money(one.usd)])
            : ([["pre-training", equal.pretrain_flops], ["RL", equal.rl_flops], ["serving", equal.inference_flops]] as const).map(([name, flops]) => [name, flops.toExponential(2), percent(flops / (equal.pretrain_flops + equal.rl_flops + equal.inference_flops)), "–", "–"]),
        }} />
      </section>
    </section>
  );
}

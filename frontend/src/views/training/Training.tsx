/** How long to train a model that is going to be served: tokens, parameters and the three bills. */

import type { JSX } from "preact";

import { Note, Pending } from "../../app/Note";
import { useAnswer } from "../../api/useAnswer";
import { DataTable, Figure, type Table } from "../../charts/Figure";
import { logSpace } from "../../charts/scales";
import { opening } from "../../charts/table";
import { XYChart } from "../../charts/XYChart";
import { Slider } from "../../controls/Slider";
import { Num } from "../../explain/Num";
import { figures, money, percent, power, scaled, times } from "../../numbers/format";
import { trained } from "../../state/request";
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
  const asked = useAnswer<Train>("/api/v1/train", trained(now));
  // the bills in money need a machine with a known price and 16-bit arithmetic; without one there is the arithmetic
  const priced = useAnswer<Train>("/api/v1/train", { ...trained(now), system: now.s, ...(now.p ? { usd_per_gpu_h: now.p } : {}) }, { settle: 200 }).answer;
  const { answer } = asked;
  if (!answer) return <Pending asked={asked} name="Training" />;
  const { equal, optimum } = answer;
  const points = [
    { key: "equal", x: equal.params, y: equal.pretrain_tokens, kind: "solid" as const, label: "equal bills", opens: ["", "pretrain"] },
    ...(optimum ? [
      { key: "optimum", x: optimum.params, y: optimum.tokens, kind: "ring" as const, label: "cheapest for the same loss", opens: ["optn", "optd"] },
      { key: "alone", x: optimum.alone_params, y: optimum.alone_tokens, kind: "open" as const, label: "cheapest to train alone", opens: ["alonen", "aloned"] },
    ] : []),
  ];
  const xs = points.map((one) => one.x);
  const ys = points.map((one) => one.y);
  const x: [number, number] = [Math.min(...xs) / 4, Math.max(...xs) * 6];
  const y: [number, number] = [Math.min(...ys, x[0] * 20) / 2, Math.max(...ys, x[1] * 20) * 2];
  const bills = [["pre-training", equal.pretrain_flops, "preflop"], ["RL", equal.rl_flops, "rlflop"], ["serving", equal.inference_flops, "serveflop"]] as const;
  const whole = bills.reduce((sum, [, flops]) => sum + flops, 0);
  const says = `Equal bills train ${scaled(equal.params)} parameters on ${scaled(equal.pretrain_tokens)} tokens.`;
  const table = (): Table => ({
    columns: [{ name: "Plan" }, { name: "Parameters", right: true }, { name: "Training tokens", right: true }],
    rows: points.map((one) => [one.label, one.opens[0] ? opening(one.opens[0], scaled(one.x)) : scaled(one.x), opening(one.opens[1] as string, scaled(one.y))]),
  });
  return (
    <section aria-label="Training" class={asked.stale ? "stale" : ""}>
      <Note asked={asked} />
      <h1 class="answer">
        To serve <Num name="served">{scaled(answer.inference_tokens, 2)} tokens</Num>, train on about <Num name="pretrain">{scaled(equal.pretrain_tokens, 2)}</Num>: then training, RL and serving cost the same, at <Num name="over">{figures(equal.overtraining, 2)} times</Num> the usual {figures(answer.tokens_per_param)} tokens a parameter.
      </h1>
      <p class="because">
        {optimum && <>For the same loss the cheapest in all has <Num name="optn">{scaled(optimum.params, 2)} active parameters</Num> and <Num name="optd">{scaled(optimum.tokens, 2)} tokens</Num>; equal bills cost <Num name="splitover">{times(optimum.split_over_optimum)}</Num> of it. </>}Active parameters are those of {answer.model}. Served: {scaled(now.served)} tokens a second for 60 days.
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
        <h2>The bills{priced ? `, on ${now.s}` : ""}</h2>
        {priced && <p class="small">At {percent(0.4)} of its 16-bit arithmetic and its rent; serving is counted in FLOP of training.</p>}
        <DataTable name="bills" table={{
          columns: [{ name: "For" }, { name: "FLOP", right: true }, { name: "share of the three", right: true }, { name: "GPU-hours", right: true }, { name: "US dollars", right: true }],
          rows: bills.map(([name, flops, opens]) => {
            const bill = priced?.bills.find((one) => one.name === name);
            return [name, opening(opens, power(flops)), percent(flops / whole), scaled(bill?.gpu_hours), money(bill?.usd)];
          }),
        }} />
      </section>
    </section>
  );
}

/** Limits in, the best deployment out, and why the others lose. */

import type { JSX } from "preact";

import { Note, NotePlain, Pending } from "../../app/Note";
import { copy } from "../../app/TopBar";
import { useAnswer } from "../../api/useAnswer";
import { Figure, type Table } from "../../charts/Figure";
import { Slider } from "../../controls/Slider";
import { Num } from "../../explain/Num";
import { counted, dollars, figures, percent, time, whole } from "../../numbers/format";
import { batchWithin, pointAt, rentOf, usersOf, wall } from "../../evaluator/operating";
import { newTokensOf, surfaceAt } from "../../evaluator/surface";
import type { Curves } from "../../evaluator/types";
import { curvesOf, searched } from "../../state/request";
import type { State } from "../../state/params";
import { commit, drag, state } from "../../state/store";
import { Frontier, type Yours } from "./Frontier";
import { Ranked } from "./Ranked";
import { equal, shown, worse, type Machine, type PlanAnswer } from "./types";

function tableOf(machine: Machine): Table {
  return {
    columns: [{ name: "Layout" }, { name: "tokens/s/user", right: true }, { name: "output tokens/s/GPU", right: true }, { name: "TPOT", right: true }, { name: "TTFT", right: true }, { name: "$ per M out, prompts on it", right: true }, { name: "meets" }],
    rows: machine.frontier.map((one) => [shown(one.label), figures(one.tokens_per_s_per_user), figures(one.output_tokens_per_s_per_gpu), time(one.tpot_s), time(one.ttft_s), dollars(one.usd_per_mtok_all), one.meets ? "yes" : "no"]),
  };
}

function Unmet({ machine }: { machine: Machine }): JSX.Element {
  const { unmet } = machine;
  return (
    <>
      <h1 class="answer">No deployment meets your limits on {machine.system_name}.</h1>
      <p class="because">{unmet ? `${unmet.reason}.` : machine.notes.join("; ")} {unmet && unmet.changes.length > 0 ? `Nearest that holds: ${unmet.changes.join("; ")}.` : ""}</p>
    </>
  );
}

function Flags({ flags }: { flags: PlanAnswer["flags"] }): JSX.Element {
  return (
    <section class="block" aria-label="Launch commands">
      <h2>Start it so</h2>
      {flags.map(([engine, text]) => (
        <details key={engine} class="line">
          <summary class="row"><span>{engine}</span><span>flags of the pick</span></summary>
          <pre class="scroll" tabIndex={0} role="region" aria-label={`Command for ${engine}`}>{text}</pre>
          <button type="button" class="button" onClick={() => void copy(text, engine)}>Copy</button>
        </details>
      ))}
    </section>
  );
}

/** The layout of the scenario where one is given, at the fullest batch that its limit allows. */
function yoursOf(curves: Curves | undefined, now: State): Yours | null {
  if (!curves || now.tp + now.pp + now.ep + now.dp === 0) return null;
  const context = curves.at.context;
  const batch = batchWithin(curves, context, now.tpot / 1000, wall(curves, context));
  if (batch === null) return null;
  const point = pointAt(curves, batch, context, rentOf(curves, now.p));
  const yield_ = surfaceAt(curves.served, "output_tokens_per_s_per_gpu", batch, newTokensOf(curves, context));
  return { label: shown(curves.layout_label), speed: 1 / point.tpot_s, yield_, usd: point.usd, users: usersOf(curves, batch), tpot_s: point.tpot_s };
}

export function Plan(): JSX.Element {
  const now = state.value;
  const asked = useAnswer<PlanAnswer>("/api/v1/plan", searched(now), { streamed: true, settle: 350 });
  const yours = yoursOf(useAnswer<Curves>("/api/v1/curves", curvesOf(now)).answer, now);
  const { answer } = asked;
  if (!answer) return <Pending asked={asked} name="Plan" doing="Searching layouts" />;
  const machine = answer.machines[0] as Machine;
  const pick = machine.winner;
  const limit_s = answer.slo.tpot_s ?? now.tpot / 1000;
  const same = pick ? machine.runner_ups.filter((one) => equal(one, pick, machine.equal_within)) : [];
  const others = pick ? machine.runner_ups.filter((one) => !same.includes(one)) : [];
  const next = others[0];
  const sure = pick?.chances["TPOT"];
  const says = pick ? `${shown(pick.label)} at ${figures(pick.tokens_per_s_per_user)} tokens a second and user gives ${figures(pick.output_tokens_per_s_per_gpu)} a second and GPU.` : "";
  return (
    <section aria-label="Plan" class={asked.stale ? "stale" : ""}>
      <Note asked={asked} doing="Searching layouts" />
      {asked.cancelled && <NotePlain>Cancelled; this is the last answer. <button type="button" class="button" onClick={asked.retry}>Search again</button></NotePlain>}
      {pick ? (
        <>
          <h1 class="answer">
            Serve it as <b>{shown(pick.label)}</b>: {pick.usd_per_mtok_output === null ? <><Num name="planyield">{figures(pick.output_tokens_per_s_per_gpu)}</Num> output tokens a second and GPU (no rent is known), </>
              : <>a million output tokens for <Num name="planout">{dollars(pick.usd_per_mtok_output)}</Num> (<Num name="plancost">{dollars(pick.usd_per_mtok_all)}</Num> with the prompts’ cost on them), </>}<Num name="planusers">{whole(pick.concurrency)} users</Num> at once; {yours?.usd && pick.usd_per_mtok_output && yours.usd > pick.usd_per_mtok_output * 1.15 ? `yours costs ${figures(yours.usd / pick.usd_per_mtok_output, 2)} times as much; ` : ""}{same.length ? `${counted(same.length)} other${same.length > 1 ? "s are" : " is"} as good within the error` : next ? `the next costs ${figures(worse(next, pick) * 100, 2)} % more` : "nothing else meets the limits"}.
          </h1>
          <p class="because">
            {sure !== undefined && sure < 0.6 ? `The pick sits on your limit, so about half of all runs would miss ${figures(limit_s * 1000)} ms; ask for ${figures((limit_s * 1000) / pick.high, 2)} ms to be nine in ten sure.` : sure !== undefined ? `It keeps ${figures(limit_s * 1000)} ms with a chance of ${percent(sure)}.` : ""} Its users wait <Num name="plantpot">{time(pick.tpot_s)}</Num> a token. Left out: {answer.left_out.slice(0, 2).join("; ")}.
          </p>
        </>
      ) : <Unmet machine={machine} />}
      {pick && (
        <Figure name="Speed of users against yield of GPUs" stamp={`${answer.model_name}, ${machine.system_name}`} table={() => tableOf(machine)} data={answer} dim={asked.stale} source={<><span>○ as good, • frontier, bar: 80 % range of the pick.</span><span>{machine.system_name}, {machine.claim_level}</span></>}>
          {(width) => <Frontier machine={machine} winner={pick} yours={yours} limit_s={limit_s} width={width} says={says} />}
        </Figure>
      )}
      <div class="controls">
        <Slider id="limit" name="Limit per token" unit={`ms: ${figures(1000 / now.tpot)} tokens a second`} value={now.tpot} low={5} high={500} text={(value) => figures(value)} ends={["5 ms", "500 ms"]} onDrag={(tpot) => drag({ tpot })} onCommit={(tpot) => commit({ tpot })} />
        <Slider id="isl" name="Tokens in" unit="tokens" value={now.isl} low={16} high={131072} text={whole} ends={["16", "131,072"]} onDrag={(isl) => drag({ isl })} onCommit={(isl) => commit({ isl })} />
        <Slider id="osl" name="Tokens out" unit="tokens" value={now.osl} low={2} high={32768} text={whole} ends={["2", "32,768"]} onDrag={(osl) => drag({ osl })} onCommit={(osl) => commit({ osl })} />
      </div>
      {pick && <Ranked machine={machine} pick={pick} yours={yours} />}
      {answer.flags.length > 0 && <Flags flags={answer.flags} />}
    </section>
  );
}

/** The scenario that all views share: what it is, and where it can be changed. */

import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { useAnswer } from "../api/useAnswer";
import type { Curves } from "../evaluator/types";
import { bytes, figures, prefixed, scaled, whole } from "../numbers/format";
import { INITIAL, changedKeys, type Key } from "../state/params";
import { curvesOf } from "../state/request";
import { commit, reset, scenarioNow, state, viewNow } from "../state/store";
import { Choice, Pick, Quantity } from "./fields";
import { DeduceDock } from "./DeduceDock";
import { OwnModel } from "./OwnModel";

interface ModelRow { id: string; name: string; total_params: number; active_params: number }
interface SystemRow { id: string; name: string; n_chips: number; memory_bytes: number; bytes_per_s: number; rental: number | null }

export const sheetOpen = signal(false);

/** The context alone follows a drag. */
function MeanContext(): JSX.Element {
  const { c, isl, osl } = state.value;
  return <>mean context {whole(c || isl + osl / 2)} tokens</>;
}

function Field({ name, value, keys, detail, children }: { name: string; value: string; keys: readonly Key[]; detail?: ComponentChildren; children: ComponentChildren }): JSX.Element {
  const changed = keys.filter((key) => scenarioNow.value[key] !== INITIAL[key]);
  return (
    <details class="field">
      <summary>
        <span class="field-name">{name}{changed.length > 0 && <span class="changed"><i />changed</span>}</span>
        <span class="field-value">{value}<svg viewBox="0 0 10 6" aria-hidden="true"><path d="m1 1 4 4 4-4" /></svg></span>
        {detail && <span class="field-detail">{detail}</span>}
      </summary>
      <div class="field-edit">
        {children}
        {changed.length > 0 && (
          <button type="button" class="button" onClick={() => commit(Object.fromEntries(changed.map((key) => [key, INITIAL[key]])))}>Reset</button>
        )}
      </div>
    </details>
  );
}

const ENGINES = ["vllm", "sglang", "trtllm", "llama.cpp", "none"];
const ENGINE_NAMES: Record<string, string> = { vllm: "vLLM", sglang: "SGLang", trtllm: "TensorRT-LLM", "llama.cpp": "llama.cpp", none: "none: the hardware alone" };

function layoutText(curves: Curves | undefined): string {
  return curves ? curves.layout_label.toUpperCase() : "…";
}

function ScenarioFields(): JSX.Element {
  const now = scenarioNow.value;
  const models = useAnswer<{ models: ModelRow[] }>("/api/v1/models", undefined).answer?.models ?? [];
  const systems = useAnswer<{ systems: SystemRow[] }>("/api/v1/systems", undefined).answer?.systems ?? [];
  const { answer: curves, problem } = useAnswer<Curves>("/api/v1/curves", curvesOf(now));
  const model = models.find((one) => one.id === now.m);
  const system = systems.find((one) => one.id === now.s);
  const rent = now.p > 0 ? now.p : curves?.rent?.usd_per_gpu_h;
  const faultOf = (field: string): string => {
    const found = problem?.faults.find((one) => one.field === field);
    return found ? `${found.value ?? ""}: ${found.limit ?? ""}${found.fix ? `; ${found.fix}` : ""}` : "";
  };
  return (
    <>
      <Field name="Model" value={(curves?.model_name ?? now.m).split("/").pop() ?? now.m} keys={["m"]} detail={model ? <>{scaled(model.total_params)} total, {scaled(model.active_params)} active<br />{curves ? `${curves.weight_dtype} weights, ${curves.kv_dtype} KV` : ""}</> : now.m}>
        <Pick id="model" name="Model of the catalogue" value={now.m.startsWith("upload:") ? "" : now.m} options={models.map((one) => [one.id, one.name])} onPick={(m) => commit({ m })} fault={faultOf("model")} />
        <OwnModel />
      </Field>
      <Field name="Machine" value={curves?.system_name ?? now.s} keys={["s"]} detail={system ? `${bytes(system.memory_bytes, 4)}, ${prefixed(system.bytes_per_s, "B/s")}` : now.s}>
        <Pick id="system" name="Machine, or COUNTxCHIP" value={now.s} options={systems.map((one) => [one.id, one.name])} onPick={(s) => commit({ s })} fault={faultOf("system")} />
      </Field>
      <Field name="Layout" value={layoutText(curves)} keys={["tp", "pp", "ep", "dp"]} detail={now.tp + now.pp + now.ep + now.dp === 0 ? "chosen for most requests a second" : `on ${whole(curves?.gpus)} GPUs`}>
        {(["tp", "pp", "ep", "dp"] as const).map((key) => (
          <Quantity key={key} id={key} name={`${key.toUpperCase()}, 0: choose`} value={now[key]} low={0} high={1024} onSet={(value) => commit({ [key]: value })} fault={faultOf(key)} />
        ))}
      </Field>
      <Field name="Workload" value={`${whole(now.isl)} in, ${whole(now.osl)} out`} keys={["isl", "osl"]} detail={<MeanContext />}>
        <Quantity id="isl" name="Tokens in" value={now.isl} low={1} high={1e7} onSet={(isl) => commit({ isl, c: 0 })} fault={faultOf("isl")} />
        <Quantity id="osl" name="Tokens out" value={now.osl} low={2} high={1e7} onSet={(osl) => commit({ osl, c: 0 })} fault={faultOf("osl")} />
      </Field>
      <details class="line">
        <summary><span>Limits</span><span>TPOT ≤ {figures(now.tpot)} ms</span></summary>
        <Quantity id="tpot" name="Time per output token, ms" value={now.tpot} low={1} high={10000} whole={false} onSet={(tpot) => commit({ tpot })} />
        <Quantity id="ttft" name="Time to first token, ms; 0: no limit" value={now.ttft} low={0} high={600000} whole={false} onSet={(ttft) => commit({ ttft })} />
        <p class="note">Both hold as means.</p>
      </details>
      <details class="line">
        <summary><span>Prices</span><span>{rent ? `$${figures(rent)} per GPU-hour` : "not known"}</span></summary>
        <Quantity id="price" name="US dollars per GPU-hour; 0: the catalogue's" value={now.p} low={0} high={1000} whole={false} onSet={(p) => commit({ p })} />
        {curves?.rent && <p class="note">{figures(curves.rent.low_usd_per_gpu_h)} to {figures(curves.rent.high_usd_per_gpu_h)}: {curves.rent.source}</p>}
      </details>
      <details class="line">
        <summary><span>Engine</span><span>{ENGINE_NAMES[now.e]?.split(":")[0] ?? now.e}</span></summary>
        <Choice id="engine" name="Serving engine" value={now.e} options={ENGINES.map((one) => [one, ENGINE_NAMES[one] as string])} onSet={(e) => commit({ e })} />
        <Choice id="weights" name="Weights" value={now.w} options={[["", "the checkpoint's own"], ["bf16", "bf16"], ["fp8", "fp8"], ["nvfp4", "nvfp4"]]} onSet={(w) => commit({ w })} />
        <Choice id="kv" name="KV cache" value={now.kv} options={[["", "the engine's own"], ["bf16", "bf16"], ["fp8", "fp8"]]} onSet={(kv) => commit({ kv })} />
        {curves && <p class="note">Efficiencies: {curves.profile}</p>}
      </details>
      {changedKeys(now).length > 0 && <button type="button" class="button" onClick={reset}>Reset the scenario</button>}
      <Claim curves={curves} />
    </>
  );
}

function Claim({ curves }: { curves: Curves | undefined }): JSX.Element | null {
  if (!curves) return null;
  const range = curves.ranges["tpot"];
  return (
    <div class="claim">
      <b>{curves.claim.charAt(0).toUpperCase() + curves.claim.slice(1)}</b>
      {range ? `Four in five runs lie between ${figures(range.low, 2)} and ${figures(range.high, 2)} times the time said.` : ""}
    </div>
  );
}

export function Dock(): JSX.Element {
  const open = sheetOpen.value;
  const root = useRef<HTMLElement | null>(null);
  useEffect(() => {
    if (!open) return;
    root.current?.querySelector<HTMLElement>(".sheet-close")?.focus();
    const key = (event: KeyboardEvent): void => { if (event.key === "Escape") sheetOpen.value = false; };
    addEventListener("keydown", key);
    return () => { removeEventListener("keydown", key); document.querySelector<HTMLElement>(".scenario-button")?.focus(); };
  }, [open]);
  return (
    <aside class={open ? "dock open" : "dock"} aria-label="Scenario" ref={root}>
      <h2>Scenario</h2>
      <button type="button" class="button sheet-close" onClick={() => { sheetOpen.value = false; }}>Done</button>
      {viewNow.value === "deduce" ? <DeduceDock /> : <ScenarioFields />}
    </aside>
  );
}

/** On narrow pages the dock is a sheet behind this button. */
export function ScenarioButton(): JSX.Element {
  const now = scenarioNow.value;
  return (
    <button type="button" class="scenario-button" aria-expanded={sheetOpen.value} onClick={() => { sheetOpen.value = true; }}>
      <span class="vh">Change the scenario: </span>
      <b>{now.view === "deduce" ? now.offer : `${now.m} on ${now.s}`}</b>
      <span>{now.view === "deduce" ? "" : `${whole(now.isl)} → ${whole(now.osl)}`}</span>
    </button>
  );
}

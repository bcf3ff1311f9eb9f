/** GPUs as boxes, with their roles; one memory bar that stands for all. */

import type { JSX } from "preact";

import { PanelTitle, Plot } from "../../charts/Plot";
import { bytes, percent, whole } from "../../numbers/format";
import type { Filled } from "./memory";

interface RackProps {
  width: number;
  says: string;
  gpus: number;
  layout: { tp: number; pp: number; ep: number; dp: number; cp: number };
  replicas: number;
  experts: number | null;
  parts: readonly Filled[];
  total: number;
}

const MOST = 144;

/** Ranks are numbered with tp innermost, then cp, dp, and pp outermost. */
function roleOf(index: number, layout: RackProps["layout"]): { copy: number; stage: number; group: number } {
  const { tp, cp, dp, pp } = layout;
  const stage = tp * cp * dp;
  const inside = index % (stage * pp);
  return { copy: Math.floor(index / (stage * pp)), stage: Math.floor(inside / stage), group: Math.floor((inside % stage) / (tp * cp)) };
}

export function Rack(props: RackProps): JSX.Element {
  const { width, says, gpus, layout, replicas, parts, total } = props;
  const shown = Math.min(gpus, MOST);
  const columns = Math.min(shown <= 16 ? 8 : 18, Math.max(4, Math.floor(width / (shown <= 16 ? 84 : 44))));
  const rows = Math.ceil(shown / columns);
  const gap = 6;
  const box = Math.min(shown <= 16 ? 96 : 56, (width - gap * (columns - 1)) / columns);
  const tall = box * 0.72;
  const top = 28;
  const barTop = top + rows * (tall + gap) + 52;
  const height = barTop + 118;
  const used = layout.tp * layout.pp * layout.dp * layout.cp * replicas;
  let x = 0;
  const several = layout.dp > 1 || layout.pp > 1 || replicas > 1;
  return (
    <Plot id="rack" width={width} height={height} says={says}>
      <PanelTitle y={14} name="GPUs" unit={`${whole(gpus)}${gpus > shown ? `, the first ${shown} shown` : ""}; one box is one GPU`} />
      {Array.from({ length: shown }, (_, index) => {
        const left = (index % columns) * (box + gap);
        const y = top + Math.floor(index / columns) * (tall + gap);
        const role = roleOf(index, layout);
        const odd = (role.copy + role.stage + role.group) % 2 === 1;
        const idle = index >= used;
        // experts are numbered over the groups that share them, in the order of the ranks
        const first = layout.ep > 1 && props.experts !== null && box >= 72 ? (index % layout.ep) * props.experts : null;
        const held = first === null ? "" : `${box >= 90 ? "experts " : ""}${whole(first)}–${whole(first + (props.experts as number) - 1)}`;
        const name = layout.dp > 1 ? `dp ${role.group}` : layout.pp > 1 ? `stage ${role.stage}` : replicas > 1 ? `copy ${role.copy}` : `tp ${index}`;
        return (
          <g key={index}>
            <rect class={`gpu${odd ? " odd" : ""}${idle ? " idle" : ""}`} x={left} y={y} width={box} height={tall} rx="4" />
            {box >= 40 && <text class="strong" x={left + box / 2} y={y + tall / 2 + (held ? -3 : 4)} text-anchor="middle">{idle ? "idle" : name}</text>}
            {held && !idle && <text class="tick" x={left + box / 2} y={y + tall / 2 + 14} text-anchor="middle">{held}</text>}
          </g>
        );
      })}
      <text class="tick" x="0" y={top + rows * (tall + gap) + 14}>{several ? "Shade changes where the group changes. " : ""}{layout.ep > 1 ? `Experts are spread over ${layout.ep} groups.` : layout.tp > 1 ? "Every layer is split over all of them." : ""}</text>
      <PanelTitle y={barTop - 12} name="Memory of each" unit={bytes(total)} />
      {parts.map((part) => {
        const left = x;
        const wide = (part.bytes / total) * width;
        x += wide;
        const room = wide > 92;
        // the last name would run over the edge
        const end = left + 180 > width && left > width / 2;
        const tx = end ? left + wide - 2 : left + 2;
        const anchor = end ? "end" : "start";
        return (
          <g key={part.key}>
            <rect class={`memory memory-${part.key}`} x={left} y={barTop} width={Math.max(0, wide - 1)} height="36" />
            {room && <text class={`end-label text-${part.key}`} x={tx} y={barTop + 54} text-anchor={anchor}>{part.name}</text>}
            {room && <text class="tick" x={tx} y={barTop + 71} text-anchor={anchor}>{bytes(part.bytes)}, {percent(part.bytes / total)}</text>}
          </g>
        );
      })}
      <text class="tick" x="0" y={barTop + 96}>{parts.filter((part) => (part.bytes / total) * width <= 92).map((part) => `${part.name}: ${bytes(part.bytes)}`).join("; ")}</text>
    </Plot>
  );
}

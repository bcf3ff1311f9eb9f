/** A chart with its table, its files and its source line. */

import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { figureNow, show } from "../state/store";
import { Menu } from "../controls/Menu";
import { Num } from "../explain/Num";
import { csv, download, pngOf, svgOf } from "./export";
import { plainText, type Table } from "./table";

export type { Table } from "./table";

interface FigureProps {
  name: string;
  /** Title, scenario and version, written into exported pictures. */
  stamp: string;
  table: () => Table;
  /** The answer and the scenario, for the JSON file. */
  data: unknown;
  source?: ComponentChildren;
  dim?: boolean;
  children: (width: number) => ComponentChildren;
}

/** Width of an element, followed as the page changes: charts are laid out anew, never scaled. */
function useWidth(): [(node: HTMLElement | null) => void, number] {
  const [width, setWidth] = useState(0);
  const node = useRef<HTMLElement | null>(null);
  useLayoutEffect(() => {
    const element = node.current;
    if (!element) return;
    const measure = (): void => setWidth(Math.floor(element.clientWidth));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [(element) => { node.current = element; }, width];
}

export function DataTable({ name, table }: { name: string; table: Table }): JSX.Element {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`Table: ${name}`}>
      <table>
        <thead>
          <tr>{table.columns.map((column) => <th key={column.name} scope="col" class={column.right ? "r" : ""}>{column.name}</th>)}</tr>
        </thead>
        <tbody>
          {table.rows.map((row, at) => (
            <tr key={at}>{row.map((cell, index) => <td key={index} class={table.columns[index]?.right ? "r" : ""}>{cell !== null && typeof cell === "object" ? <Num name={cell.opens}>{cell.text}</Num> : plainText(cell)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Figure({ name, stamp, table, data, source, dim = false, children }: FigureProps): JSX.Element {
  const [attach, width] = useWidth();
  const sheet = useRef<HTMLDivElement | null>(null);
  const asTable = figureNow.value === "table";
  const file = name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const svg = (): SVGSVGElement | null => sheet.current?.querySelector("svg.plot") ?? null;

  async function save(kind: string): Promise<void> {
    const drawn = svg();
    if (kind === "csv") download(`${file}.csv`, "text/csv", csv(table()));
    else if (kind === "json") download(`${file}.json`, "application/json", JSON.stringify(data, null, 1));
    else if (drawn && kind === "svg") download(`${file}.svg`, "image/svg+xml", svgOf(drawn, stamp));
    else if (drawn) download(`${file}.png`, "image/png", await pngOf(drawn, stamp));
  }
  const files = asTable ? ["csv", "json"] : ["png", "svg", "csv", "json"];
  return (
    <figure class={dim ? "dim" : ""} aria-label={name}>
      <div class="figure-tools">
        <div class="segments" role="group" aria-label="Show as">
          <button type="button" aria-pressed={!asTable} onClick={() => show({ fig: "chart" })}>Chart</button>
          <button type="button" aria-pressed={asTable} onClick={() => show({ fig: "table" })}>Table</button>
        </div>
        <Menu label="Save" items={files.map((kind) => ({ text: kind.toUpperCase(), run: () => void save(kind) }))} />
      </div>
      <div class="sheet" ref={attach} hidden={asTable}>
        <div class="sheet-inner" ref={sheet}>{width > 0 && !asTable ? children(width) : null}</div>
      </div>
      {asTable && <DataTable name={name} table={table()} />}
      {source && <figcaption class="source">{source}</figcaption>}
    </figure>
  );
}

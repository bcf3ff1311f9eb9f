/** A chart's numbers as rows; a cell may open the explanation of its number. */

export interface Column {
  name: string;
  right?: boolean;
}

export interface Opens {
  text: string;
  opens: string;
}

export type Cell = string | number | null | Opens;

export interface Table {
  columns: readonly Column[];
  rows: readonly (readonly Cell[])[];
}

export const opening = (opens: string, text: string): Opens => ({ opens, text });

export const plainText = (cell: Cell): string => (cell === null ? "–" : typeof cell === "object" ? cell.text : String(cell));

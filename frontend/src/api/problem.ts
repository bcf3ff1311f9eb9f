/** What went wrong, as RFC 9457 says it, or as the network does. */

export interface Fault {
  field: string;
  value?: string;
  limit?: string;
  fix?: string;
  /** Names that are nearest to one that nobody knows. */
  suggestions: readonly string[];
}

export class Problem extends Error {
  constructor(
    readonly title: string,
    readonly detail: string,
    readonly status: number,
    readonly faults: readonly Fault[] = [],
  ) {
    super(detail || title);
  }

  /** The server did not answer at all; what was shown last still stands. */
  get unreachable(): boolean {
    return this.status === 0;
  }
}

function text(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}

function readFault(raw: unknown): Fault {
  const one = (raw ?? {}) as Record<string, unknown>;
  return { field: text(one["field"]), value: text(one["value"]), limit: text(one["limit"]), fix: text(one["fix"]), suggestions: Array.isArray(one["suggestions"]) ? one["suggestions"].map(text) : [] };
}

export function readProblem(raw: unknown, status: number): Problem {
  const body = (raw ?? {}) as Record<string, unknown>;
  const faults = Array.isArray(body["errors"]) ? body["errors"] : Array.isArray(body["faults"]) ? body["faults"] : [];
  const title = text(body["title"]) || `The server answered ${status}`;
  return new Problem(title, text(body["detail"]), status, faults.map(readFault));
}

export const UNREACHABLE = new Problem("The server stopped answering.", "", 0);

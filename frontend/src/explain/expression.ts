/** Formulas as text into trees: + - * / ^, brackets, functions; a name may have spaces. */

export type Node =
  | { kind: "name"; name: string }
  | { kind: "number"; text: string }
  | { kind: "call"; name: string; parts: Node[] }
  | { kind: "minus"; of: Node }
  | { kind: "binary"; op: string; left: Node; right: Node };

const TOKEN = /\s*(?:([0-9][0-9_,]*(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)|([A-Za-z_$][A-Za-z0-9_.$' ]*)|(\*\*|[-+*/^(),=<>]))/y;

interface Token {
  kind: "number" | "name" | "op";
  text: string;
}

function tokens(text: string): Token[] | null {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const match = TOKEN.exec(text);
    if (!match) return null;
    if (match[1]) found.push({ kind: "number", text: match[1] });
    else if (match[2]) found.push({ kind: "name", text: match[2].trim() });
    else found.push({ kind: "op", text: match[3] === "**" ? "^" : (match[3] as string) });
  }
  return found;
}

const POWER: Record<string, number> = { "=": 1, "<": 1, ">": 1, "+": 2, "-": 2, "*": 3, "/": 3, "^": 5 };

/** The tree of a formula; null where the text is prose. */
export function parse(text: string): Node | null {
  const all = tokens(text);
  if (!all || all.length === 0) return null;
  let at = 0;
  const peek = (): Token | undefined => all[at];
  const isOp = (op: string): boolean => peek()?.kind === "op" && peek()?.text === op;

  function primary(): Node {
    const token = all?.[at];
    if (!token) throw new Error("end");
    at += 1;
    if (token.kind === "number") return { kind: "number", text: token.text };
    if (token.text === "-") return { kind: "minus", of: expression(4) };
    if (token.text === "(") {
      const inner = expression(1);
      if (!isOp(")")) throw new Error("bracket");
      at += 1;
      return inner;
    }
    if (token.kind !== "name") throw new Error(token.text);
    if (!isOp("(")) return { kind: "name", name: token.text };
    at += 1;
    const parts: Node[] = [expression(1)];
    while (isOp(",")) {
      at += 1;
      parts.push(expression(1));
    }
    if (!isOp(")")) throw new Error("bracket");
    at += 1;
    return { kind: "call", name: token.text, parts };
  }
  function expression(least: number): Node {
    let left = primary();
    for (let token = peek(); token?.kind === "op" && (POWER[token.text] ?? 0) >= least; token = peek()) {
      const power = POWER[token.text] as number;
      at += 1;
      left = { kind: "binary", op: token.text, left, right: expression(token.text === "^" ? power : power + 1) };
    }
    return left;
  }
  try {
    const tree = expression(1);
    return at === all.length ? tree : null;
  } catch {
    return null;
  }
}

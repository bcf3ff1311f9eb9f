/** A formula in MathML, with names or with the values of this scenario. */

import type { JSX } from "preact";

import { parse, type Node } from "./expression";
import { wordsOf } from "./names";

type Text = (name: string) => string;

const FLAT: Record<string, string> = { "+": "+", "-": "−", "*": "·", "=": "=", "<": "<", ">": ">" };
const POWER: Record<string, number> = { "=": 1, "<": 1, ">": 1, "+": 2, "-": 2, "*": 3, "/": 6, "^": 5 };

function Bracketed({ node, text, when }: { node: Node; text: Text; when: boolean }): JSX.Element {
  return when ? <mrow><mo>(</mo><Tree node={node} text={text} /><mo>)</mo></mrow> : <Tree node={node} text={text} />;
}

const weak = (node: Node, than: number): boolean => node.kind === "binary" && (POWER[node.op] as number) < than;

/** 1e+06 is written as a power of ten. */
function Numeral({ text }: { text: string }): JSX.Element {
  const match = /^(.*)e[+]?(-?)0*([0-9]+)$/i.exec(text);
  if (!match) return <mn>{text}</mn>;
  const power = <msup><mn>10</mn><mn>{`${match[2] ? "−" : ""}${match[3] ?? ""}`}</mn></msup>;
  return match[1] === "1" ? power : <mrow><mn>{match[1]}</mn><mo>·</mo>{power}</mrow>;
}

function Tree({ node, text }: { node: Node; text: Text }): JSX.Element {
  switch (node.kind) {
    case "number":
      return <Numeral text={node.text} />;
    case "name":
      return <mtext>{text(node.name)}</mtext>;
    case "minus":
      return <mrow><mo>−</mo><Bracketed node={node.of} text={text} when={weak(node.of, 3)} /></mrow>;
    case "call": {
      if (node.name === "sqrt") return <msqrt><Tree node={node.parts[0] as Node} text={text} /></msqrt>;
      return (
        <mrow>
          <mi mathvariant="normal">{node.name.replace("maximum", "max").replace("minimum", "min")}</mi><mo>(</mo>
          {node.parts.map((part, at) => <mrow key={at}>{at > 0 && <mo>,</mo>}<Tree node={part} text={text} /></mrow>)}
          <mo>)</mo>
        </mrow>
      );
    }
    default: {
      if (node.op === "/") return <mfrac><mrow><Tree node={node.left} text={text} /></mrow><mrow><Tree node={node.right} text={text} /></mrow></mfrac>;
      if (node.op === "^") return <msup><mrow><Bracketed node={node.left} text={text} when={node.left.kind === "binary"} /></mrow><mrow><Tree node={node.right} text={text} /></mrow></msup>;
      const power = POWER[node.op] as number;
      return (
        <mrow>
          <Bracketed node={node.left} text={text} when={weak(node.left, power)} />
          <mo>{FLAT[node.op] ?? node.op}</mo>
          <Bracketed node={node.right} text={text} when={weak(node.right, node.op === "-" ? power + 1 : power)} />
        </mrow>
      );
    }
  }
}

/** The equation; prose stays prose. `ends` follows after an equals sign. */
export function Formula({ formula, text = wordsOf, ends }: { formula: string; text?: Text; ends?: string }): JSX.Element {
  const tree = parse(formula);
  if (!tree) return <p class="formula-prose">{formula}{ends ? ` = ${ends}` : ""}</p>;
  return (
    <div class="formula" tabIndex={0} role="group" aria-label="Formula">
      <math>
        <mrow>
          <Tree node={tree} text={text} />
          {ends && <mo>=</mo>}
          {ends && <mtext>{ends}</mtext>}
        </mrow>
      </math>
    </div>
  );
}

/** Charts as files: pictures carry title, scenario and version; colours are those of the theme on screen. */

import { plainText, type Table } from "./table";

const STYLES = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "stroke-opacity", "opacity",
  "font-family", "font-size", "font-weight", "paint-order", "text-anchor", "font-variant-numeric",
];
const STAMP_HEIGHT = 28;

/** Style sheets do not travel with a picture: what they say is written on every element. */
function inline(from: Element, to: Element): void {
  const computed = getComputedStyle(from);
  const style = STYLES.map((name) => `${name}:${computed.getPropertyValue(name)}`).join(";");
  to.setAttribute("style", style.replace(/"/g, "'"));
  to.removeAttribute("class");
  for (let index = 0; index < from.children.length; index += 1) {
    inline(from.children[index] as Element, to.children[index] as Element);
  }
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
}

export function svgOf(svg: SVGSVGElement, stamp: string): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  inline(svg, copy);
  const width = svg.clientWidth || Number(svg.getAttribute("width"));
  const height = Number(svg.getAttribute("height"));
  const root = getComputedStyle(document.documentElement);
  const page = root.getPropertyValue("--page").trim();
  const ink = root.getPropertyValue("--ink3").trim();
  const font = getComputedStyle(document.body).fontFamily.replace(/"/g, "'");
  const margin = 16;
  const body = new XMLSerializer().serializeToString(copy);
  const w = width + 2 * margin;
  const h = height + STAMP_HEIGHT + 2 * margin;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}">` +
    `<rect width="${w}" height="${h}" fill="${page}"/><g transform="translate(${margin} ${margin})">${body}</g>` +
    `<text x="${margin}" y="${h - margin}" font-size="11" fill="${ink}" font-family="${font}">${escaped(stamp)}</text></svg>`
  );
}

export async function pngOf(svg: SVGSVGElement, stamp: string): Promise<Blob> {
  const text = svgOf(svg, stamp);
  const image = new Image();
  const address = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  try {
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.width * 2;
    canvas.height = image.height * 2;
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/png");
    });
  } finally {
    URL.revokeObjectURL(address);
  }
}

function cell(value: string | number | null): string {
  const text = value === null ? "" : String(value);
  // a leading = + - @ would run as a formula in a spreadsheet
  const safe = /^[=+@]|^-(?![0-9.])/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

export function csv(table: Table): string {
  return [table.columns.map((column) => column.name), ...table.rows].map((row) => row.map((one) => cell(one === null ? one : plainText(one))).join(",")).join("\n") + "\n";
}

export function download(name: string, type: string, content: string | Blob): void {
  const blob = typeof content === "string" ? new Blob([content], { type }) : content;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

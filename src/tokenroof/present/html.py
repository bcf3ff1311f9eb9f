"""A page as HTML: a fragment for a notebook, or a document of its own for a file.

    class Analysis:
        def _repr_html_(self) -> str:
            return html(page_of(self))

Colours are inherited, so that it reads on light and dark; classes begin with `tkr`; no script, no other file; all
text is escaped. It stays below 20 KB: long tables show their beginning and end, and where that is not enough the folded
sections keep their summaries, which hold the result already.
"""

from collections.abc import Sequence
from html import escape

from tokenroof.present.characters import clean, cut_middle
from tokenroof.present.page import Bar, Bars, Block, Cell, Column, KeyValues, Lines, Page, Remark, Table, as_table

__all__ = ["MOST_BYTES", "document", "html"]

MOST_BYTES = 20_000
# (rows that are shown whole, rows of the beginning, rows of the end), tried until the page is small enough
_SHOWN = ((50, 20, 5), (16, 12, 3), (8, 5, 2), (4, 2, 1), (0, 0, 0))
_BAR_PIXELS = 152
_SUMMARY_ROWS = 3
_CELL = 200
_TEXT = 1_000
_STYLE = """<style>
.tkr{font:13px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif;max-width:720px;color:inherit}
.tkr p{margin:0 0 .5em}.tkr .tkr-lead{font-size:15px;font-weight:600}
.tkr .tkr-scn{opacity:.75;font-size:12px;margin-bottom:.6em}
.tkr table{border-collapse:collapse;margin:.2em 0 .6em;font-variant-numeric:tabular-nums}
.tkr th,.tkr td{padding:.18em .9em .18em 0;text-align:left;border:0;background:none;
border-bottom:1px solid rgba(128,128,128,.25)}
.tkr .tkr-num{text-align:right}
.tkr thead th{font-weight:600;opacity:.75}
.tkr details{margin:.15em 0}.tkr summary{cursor:pointer}.tkr summary b{font-weight:600}
.tkr pre{overflow:auto;margin:.2em 0 .6em;background:none;color:inherit}
.tkr .tkr-bar{display:inline-block;height:.75em;background:#0072B2;vertical-align:-1px;border-radius:1px}
.tkr .tkr-network{background:#E69F00}.tkr .tkr-compute{background:#009E73}.tkr .tkr-other{background:#999}
.tkr .tkr-warning{border-left:3px solid #D55E00;padding-left:.6em;margin:.4em 0}
.tkr .tkr-note{border-left:3px solid rgba(128,128,128,.5);padding-left:.6em;margin:.4em 0}
</style>
"""


def html(page: Page) -> str:
    """A fragment with its own style, of at most MOST_BYTES."""
    whole = ""
    for limits in _SHOWN:
        whole = _fragment(page, limits)
        if len(whole.encode("utf-8")) <= MOST_BYTES:
            return whole
    bare = Page(title=page.title[:_CELL], sentence=page.sentence, scenario=page.scenario[:8])
    return _fragment(bare, _SHOWN[-1])


def document(page: Page) -> str:
    """A file that opens by itself in a browser."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>tokenroof: {_text(page.title)}</title></head>"
        f'<body style="margin:2rem auto;max-width:760px">{html(page)}</body></html>\n'
    )


def _text(text: str, most: int = _TEXT) -> str:
    return escape(cut_middle(clean(text), most), quote=True)


def _fragment(page: Page, limits: tuple[int, int, int]) -> str:
    parts = [
        f'<div class="tkr" role="region" aria-label="tokenroof: {_text(page.title)}">',
        f'<p class="tkr-lead">{_text(page.sentence)}</p>',
    ]
    if page.scenario:
        parts.append(f'<div class="tkr-scn">{_text(" · ".join(page.scenario))}</div>')
    parts += map(_remark, page.remarks)
    for number, block in enumerate(page.blocks):
        parts.append(_block(block, limits, plain=number == 0 and isinstance(block, Table)))
        if sum(map(len, parts)) > MOST_BYTES:
            return "".join(parts)  # too large already: the caller tries smaller tables
    if page.footer:
        rows = "".join(f"<p>{_text(label)}: {_text(said)}</p>" for label, said in page.footer)
        labels = " · ".join(label for label, _ in page.footer)
        parts.append(f"<details><summary><b>{_text(labels)}</b></summary>{rows}</details>")
    return _STYLE + "\n".join([*parts, "</div>"]) + "\n"


def _remark(remark: Remark) -> str:
    return f'<p class="tkr-{remark.kind}">{_text(remark.text)}</p>'


def _block(block: Block, limits: tuple[int, int, int], plain: bool) -> str:
    """A section: the first table stands by itself, the others fold under a line that holds their result."""
    remarks = "".join(map(_remark, block.remarks))
    if plain and isinstance(block, Table):
        title = f"<p><b>{_text(block.title)}</b></p>" if block.title else ""
        return title + _inside(block, limits) + remarks
    warned = any(remark.kind == "warning" for remark in block.remarks)
    is_open = " open" if block.open or warned or (isinstance(block, Bars) and not block.full) else ""
    said = _text(block.summary or _summary(block), _CELL)
    head = f"<summary><b>{_text(block.title or 'Table')}</b> {said}</summary>"
    return f"<details{is_open}>{head}{_inside(block, limits)}{remarks}</details>"


def _summary(block: Block) -> str:
    """The first rows, where a verb said nothing better."""
    if isinstance(block, Lines):
        return f"{len(block.lines)} lines"
    rows = block.pairs if isinstance(block, KeyValues) else as_table(block).rows
    if len(rows) > _SUMMARY_ROWS + 1:
        return f"{len(rows)} rows"
    said = (" ".join(cell for cell in row[:2] if isinstance(cell, str) and cell) for row in rows)
    return " · ".join(said)


def _inside(block: Block, limits: tuple[int, int, int]) -> str:
    if not limits[0]:
        return ""
    if isinstance(block, Lines):
        return f"<pre>{escape(chr(10).join(map(clean, block.lines[: limits[0]])))}</pre>"
    table = as_table(block)
    lines = "".join(f"<p>{_text(line)}</p>" for line in table.lines)
    return _table(table, limits) + lines


def _table(table: Table, limits: tuple[int, int, int]) -> str:
    whole, first, last = limits
    rows = list(table.rows)
    cut = len(rows) > whole
    shown: list[Sequence[Cell] | None] = [*rows[:first], None, *rows[len(rows) - last :]] if cut else list(rows)
    tops = [
        column.most or max((cell.size for row in rows if isinstance(cell := row[i], Bar)), default=0.0)
        for i, column in enumerate(table.columns)
    ]
    heads = "".join(f"<th{_side(column)}>{_text(column.head, _CELL)}</th>" for column in table.columns)
    top = f"<thead><tr>{heads}</tr></thead>" if any(column.head for column in table.columns) else ""
    dots = f'<tr><td colspan="{len(table.columns)}">... {len(rows) - first - last} more</td></tr>'
    body = "".join(dots if row is None else _row(row, table.columns, tops) for row in shown)
    return f"<table>{top}<tbody>{body}</tbody></table>"


def _side(column: Column) -> str:
    return ' class="tkr-num"' if column.right else ""


def _row(row: Sequence[Cell], columns: Sequence[Column], tops: Sequence[float]) -> str:
    cells = []
    for cell, column, most in zip(row, columns, tops, strict=True):
        if isinstance(cell, Bar):
            pixels = round(_BAR_PIXELS * min(max(cell.size, 0.0) / most, 1.0)) if most > 0 else 0
            cells.append(f'<td><span class="tkr-bar tkr-{cell.kind}" style="width:{pixels}px"></span></td>')
        else:
            cells.append(f"<td{_side(column)}>{_text(cell, _CELL)}</td>")
    return f"<tr>{''.join(cells)}</tr>"

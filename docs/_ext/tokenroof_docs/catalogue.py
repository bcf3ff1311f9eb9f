"""What the catalogue holds: models, chips with every figure, systems, memory tiers."""

from tokenroof.catalog import chip_ids, load_model, model_ids, system_names
from tokenroof.usecases.listing.machines import Figure, list_chips, list_systems, list_tiers, show_chip
from tokenroof.usecases.listing.models import list_models
from tokenroof_docs.markdown import Pages, cell, code, page, quantity, table

__all__ = ["pages"]


def _in(value: float | None, scale: float) -> str:
    """A number in the unit of its column; a dash where nobody recorded one."""
    return "–" if value is None else f"{value / scale:,.4g}" if value < 1e4 * scale else f"{value / scale:,.0f}"


def _figures(figures: tuple[Figure, ...]) -> str:
    rows = [
        [code(f.key), quantity(f.value, f.unit), f.grade.value, f.as_of, cell(f.source), cell(f.note)] for f in figures
    ]
    return table(["figure", "value", "grade", "as of", "source", "note"], rows)


def _chips() -> Pages:
    rows = [
        [
            f"[{code(r.id)}](chip-figures.md#{r.id})",
            cell(r.name) + (" (announced)" if r.announced else ""),
            str(r.year),
            _in(r.memory_bytes, 1e9),
            _in(r.bytes_per_s, 1e12),
            _in(r.bf16_flops_per_s, 1e12),
            _in(r.fp8_flops_per_s, 1e12),
            _in(r.fp4_flops_per_s, 1e12),
            "–" if r.ridge is None else f"{r.ridge:.0f}",
            _in(r.drain_s, 1e-3),
            "–" if r.rental is None else f"{r.rental.median_usd_per_h:.2f}",
        ]
        for r in list_chips(announced=True)
    ]
    head = ["chip", "name", "year", "GB", "TB/s", "BF16", "FP8", "FP4", "ridge", "drain, ms", "USD/h"]
    sections = []
    for chip_id in chip_ids():
        view = show_chip(chip_id)
        notes = "\n".join(f"- {cell(note)}" for note in view.notes)
        also = f" Also called {', '.join(code(a) for a in view.aliases)}." if view.aliases else ""
        what = f"{cell(view.name)}: {view.vendor}, {view.kind}, {view.year}, {cell(view.memory_type)}.{also}"
        sections.append("\n\n".join(p for p in (f"## {view.id}", what, _figures(view.figures), notes) if p))
    return {
        "catalogue/chips.md": page(
            "Chips",
            "Dense rates in TFLOP/s, with 2 FLOP to a multiply-add; memory is the label; `ridge` is tokens in a step "
            "at which 16-bit matmuls take as long as weight reads; drain is one read of all memory; rent is the median "
            "of dated offers. "
            "Each name leads to every figure with its source.",
            table(head, rows, right=range(2, 11)),
        ),
        "catalogue/chip-figures.md": page(
            "Every figure of every chip",
            "Values are in SI units. Grades from best to worst: measured, spec, derived, reported, fitted, assumed.",
            *sections,
        ),
    }


def _systems() -> Pages:
    rows = [
        [
            code(r.id),
            cell(r.name) + (" (announced)" if r.announced else ""),
            f"{r.n_chips} x {code(r.chip)}",
            str(r.domain_size),
            _in(r.memory_bytes, 1e9),
            _in(r.bytes_per_s, 1e12),
            _in(r.scaleup_bytes_per_s, 1e9),
            _in(r.scaleout_bytes_per_s, 1e9),
        ]
        for r in list_systems(announced=True)
        if r.n_chips > 1
    ]
    head = ["system", "name", "chips", "domain", "GB", "TB/s", "scale-up, GB/s", "scale-out, GB/s"]
    text = (
        "Memory and bandwidth of all chips together; links of one chip, one direction. A chip alone is a system under "
        "its own name, and any `NxCHIP` composes: see [machines](../../guide/machines.md)."
    )
    return {"catalogue/systems.md": page("Systems", text, table(head, rows, right=range(3, 8)))}


def _tiers() -> Pages:
    sections = [
        "\n\n".join([f"## {row.id}", cell(row.name) + ".", _figures(row.figures), *(cell(note) for note in row.notes)])
        for row in list_tiers()
    ]
    text = "Places to keep a KV cache, with the H100's own memory at the head."
    return {"catalogue/tiers.md": page("Memory tiers", text, *sections)}


def _models() -> Pages:
    rows, sources = [], []
    for r in list_models():
        model = load_model(r.id)
        context = r.context_config or r.context_advertised
        rows.append(
            [
                code(r.id),
                _in(r.total_params, 1e9),
                _in(r.active_params, 1e9),
                str(r.layers),
                cell(r.attention),
                cell(r.experts),
                f"{r.kv_bytes_per_token:,.0f}",
                "–" if context is None else f"{context:,}",
            ]
        )
        sources.append([code(r.id), cell(r.name), cell(r.grade), cell(model.as_of), cell(model.source)])
    head = ["model", "total, B", "active, B", "layers", "attention", "experts", "KV B/token", "context"]
    text = (
        f"{len(rows)} models. Parameters without multi-token-prediction layers and vision towers; KV bytes are those "
        "of 16-bit entries at short context. `tokenroof model NAME` shows one of them whole."
    )
    return {
        "catalogue/models.md": page(
            "Models",
            text,
            table(head, rows, right=(1, 2, 3, 6, 7)),
            "## Where each comes from",
            table(["model", "name", "grade", "as of", "source"], sources),
        )
    }


def pages() -> Pages:
    """catalogue/*.md and a fragment with the counts."""
    counts = table(
        ["list", "entries"],
        [
            ["[models](catalogue/models.md)", str(len(model_ids()))],
            ["[chips](catalogue/chips.md)", str(len(chip_ids()))],
            ["[systems](catalogue/systems.md)", f"{len(system_names())} names, any `NxCHIP` beside them"],
            ["[memory tiers](catalogue/tiers.md)", str(len(list_tiers()))],
        ],
    )
    return _models() | _chips() | _systems() | _tiers() | {"tables/_catalogue.md": counts}

"""What the pages of price, break-even and speculate have in common."""

from tokenroof.engines import engine
from tokenroof.present.numbers import USD_PER_GPU_HOUR, count, quantity
from tokenroof.present.page import Page
from tokenroof.present.pages.parts import changes
from tokenroof.types.served import Infeasible
from tokenroof.usecases.money.costs import Economics

__all__ = ["length", "refused_page", "scenario_of"]


def length(tokens: float) -> str:
    """Tokens of a prompt as people write them: 8K, 128K, 1M."""
    if tokens >= 1e6 and tokens % 1e6 == 0:
        return f"{tokens / 1e6:g}M"
    return f"{tokens / 1e3:g}K" if tokens >= 1e3 and tokens % 1e3 == 0 else f"{tokens:,.0f}"


def scenario_of(economics: Economics) -> tuple[str, ...]:
    """Layout, lengths, limit or load, engine and rent."""
    work, load = economics.workload, economics.deployment.load
    cached = f", {count(work.prefix)} of them cached" if work.prefix else ""
    limit = economics.tpot_limit_s
    asked = "" if limit is None else f"TPOT {limit * 1e3:,.6g} ms"
    if load.kind != "fill":
        asked = f"{count(economics.served.concurrency)} requests at once"
    idle = f"{economics.gpus_idle} of {economics.gpus} GPUs idle" if economics.gpus_idle else ""
    machine = economics.machine
    price = quantity(machine.usd_per_gpu_h, USD_PER_GPU_HOUR)
    parts = (
        economics.layout_label, idle, f"{count(work.isl)} in{cached}, {count(work.osl)} out", asked,
        engine(economics.engine).display_name, price if machine.kind == "rented" else f"{price}, owned",
    )  # fmt: skip
    return tuple(part for part in parts if part)


def refused_page(answer: Infeasible) -> Page:
    """The verdict first, then changes that were tried and hold; no speeds and no costs."""
    blocks = (changes("What would be met", answer.fixes),)
    return Page(
        title="not met", sentence=f"Not met: {answer.reason}.", blocks=blocks if answer.fixes else (), refused=True
    )

"""Measured runs of the same model and kind of machine, as points beside the frontier."""

from pathlib import Path

from tokenroof.catalog import load_model
from tokenroof.catalog.chips import load_chip
from tokenroof.errors import TokenroofError
from tokenroof.measure.importers import read_results
from tokenroof.types.model import Model
from tokenroof.types.run import Fault, Run
from tokenroof.usecases.plan.answer import MeasuredPoint

__all__ = ["measured_points"]

_LIVE = ("server-closed-loop", "server-interactive", "server", "disaggregated")


def _same_model(run: Run, model: Model, known: dict[str, bool]) -> bool:
    """Whether a run is of this model or of another checkpoint with the same layers."""
    for name in (run.model, run.model_key):
        if name and name not in known:
            try:
                known[name] = load_model(name).layers == model.layers
            except TokenroofError:
                known[name] = False
        if name and known[name]:
            return True
    return False


def _chip(run: Run, known: dict[str, str]) -> str:
    """The catalogue's name of the chip of a run; empty where it has none."""
    name = run.hw_key or run.hardware
    if name not in known:
        try:
            known[name] = load_chip(name).id
        except TokenroofError:
            known[name] = ""
    return known[name]


def measured_points(
    path: str | Path, model: Model, chips: frozenset[str], isl: float, osl: float
) -> tuple[tuple[MeasuredPoint, ...], tuple[str, ...]]:
    """(points, remarks): runs at nearly these lengths that state TPOT and output per GPU, or enough to work it out."""
    models: dict[str, bool] = {}
    hardware: dict[str, str] = {}
    groups: dict[tuple[object, ...], dict[str, float]] = {}
    faults = other = lengths = 0
    for run in read_results(path):
        if isinstance(run, Fault):
            faults += 1
            continue
        if run.mode not in _LIVE or not _same_model(run, model, models) or _chip(run, hardware) not in chips:
            other += 1
            continue
        if run.isl is None or run.osl is None or not (_near(run.isl, isl) and _near(run.osl, osl)):
            lengths += 1
            continue
        key: tuple[object, ...] = (
            run.source, _chip(run, hardware), run.num_gpus, run.tp, run.pp, run.ep, run.dp, run.weight_dtype,
            run.engine, run.engine_version, run.isl, run.osl, run.load, run.mode, run.concurrency, run.note,
        )  # fmt: skip
        groups.setdefault(key, {})[run.metric] = run.value
    points = []
    for key, metrics in groups.items():
        point = _point(key, metrics)
        if point is not None:
            points.append(point)
    remarks = [f"{len(points)} measured points from {Path(path).name}"]
    if lengths:
        remarks.append(f"{lengths} rows at other lengths left out")
    if other:
        remarks.append(f"{other} rows of other models, chips or modes left out")
    if faults:
        remarks.append(f"{faults} unreadable rows left out")
    return tuple(points), tuple(remarks)


def _near(value: float, wanted: float) -> bool:
    return 0.75 * wanted <= value <= wanted / 0.75


def _point(key: tuple[object, ...], metrics: dict[str, float]) -> MeasuredPoint | None:
    source, chip, gpus, tp, pp, ep, dp = key[:7]
    osl, concurrency = key[11], key[14]
    tpot_ms = metrics.get("tpot_ms", metrics.get("tpot_p50_ms"))
    if not tpot_ms:
        return None
    per_gpu = metrics.get("output_tok_s_per_gpu")
    if per_gpu is None and isinstance(gpus, int):
        if "output_tok_s" in metrics:
            per_gpu = metrics["output_tok_s"] / gpus
        elif isinstance(concurrency, float) and isinstance(osl, float) and "ttft_ms" in metrics:
            # a closed loop: by Little's law requests per second are requests in flight over the time of one
            per_gpu = concurrency * osl / ((metrics["ttft_ms"] + tpot_ms * (osl - 1.0)) / 1e3) / gpus
    if per_gpu is None:
        return None
    degrees = " ".join(f"{n}{v}" for n, v in (("tp", tp), ("pp", pp), ("dp", dp), ("ep", ep)) if v and v != 1)
    at = f", {concurrency:g} at once" if isinstance(concurrency, float) else ""
    return MeasuredPoint(
        chip=str(chip),
        tokens_per_s_per_user=1e3 / tpot_ms, output_tokens_per_s_per_gpu=per_gpu, label=f"{degrees or 'tp1'}{at}",
        source=str(source),
    )  # fmt: skip

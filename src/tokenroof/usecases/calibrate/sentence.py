"""The verdict of `calibrate`."""

from collections.abc import Sequence

from tokenroof.usecases.calibrate.answer import Factor, Width

__all__ = ["sentence_of"]

_NAMES = {"tpot": "TPOT", "ttft": "TTFT", "throughput": "throughput"}


def _share(share: float) -> str:
    return f"{100.0 * share:.1f} %"


def sentence_of(results: int, widths: Sequence[Width], factors: Sequence[Factor], kept: str) -> str:
    """How far off predictions of results left out are, before and after; or why the shipped profile stays."""
    if kept:
        return f"The shipped profile stays: {kept}."
    told = [one for one in widths if one.metric != "throughput" or len(widths) == 1]
    parts = [
        f"{_NAMES[one.metric]} within {_share(one.fitted_error if one.held_out_error is None else one.held_out_error)} "
        f"(shipped: {_share(one.shipped_error)})"
        for one in told
    ]
    moved = sum(one.changed for one in factors)
    said = f"{moved} parameters" if moved != 1 else "1 parameter"
    worse = " and ".join(_NAMES[one.metric] for one in told if one.worse)
    but = f"; as shipped {worse} would be predicted better" if worse else ""
    return (
        f"Calibrated on {results} results; half of the results left out are predicted with {' and '.join(parts)}; "
        f"{said} moved{but}."
    )

"""The operator engine's part of `analyze`: the point that was asked for, its cost, and its fast mode."""

from tokenroof.catalog.profile import profile_for
from tokenroof.errors import InputError, TokenroofError
from tokenroof.formulas import pricing
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import RUNTIMES
from tokenroof.operators.timing import step
from tokenroof.types.checks import check_choice, check_number
from tokenroof.types.default import Default
from tokenroof.types.efficiency import Efficiency
from tokenroof.types.layout import Layout
from tokenroof.types.machine import System
from tokenroof.types.model import Model
from tokenroof.usecases.analyze.answer import AnalyzeRequest, FastMode
from tokenroof.usecases.analyze.point import OperatingPoint, OperatorReport, operate
from tokenroof.usecases.analyze.room import larger_systems

__all__ = ["fast_mode", "lengths", "nearest_fixes", "operator_report", "step_s_at", "usd_per_token"]

_DEFAULT_OSL = 512.0


def lengths(request: AnalyzeRequest, context: float, defaults: list[Default]) -> tuple[float, float]:
    """isl and osl of a request: as given, or a prompt that leaves the mean context where it is."""
    if request.isl is None:
        osl = _DEFAULT_OSL if request.osl is None else request.osl
        isl = max(context - osl / 2.0, 1.0)
        defaults.append(
            Default(field="isl, osl", value=f"{isl:,.0f}, {osl:,.0f}", reason="their mean context is the above")
        )
        return isl, osl
    if request.osl is None:
        defaults.append(Default(field="osl", value=f"{_DEFAULT_OSL:.0f}", reason="set --osl"))
    return request.isl, _DEFAULT_OSL if request.osl is None else request.osl


def _layout(request: AnalyzeRequest) -> Layout | None:
    """The degrees that were given, the rest 1; None where none was."""
    degrees = {name: getattr(request, name) for name in ("tp", "pp", "ep", "dp", "cp", "redundant_experts")}
    given = {name: value for name, value in degrees.items() if value is not None}
    return Layout(**given) if given else None


def operator_report(
    request: AnalyzeRequest, model: Model, system: System, batch: float, context: float, defaults: list[Default]
) -> OperatorReport:
    """The operator engine at the asked batch and context, under the profile of the chip and engine."""
    check_choice("engine", request.engine, RUNTIMES)
    isl, osl = lengths(request, context, defaults)
    for name, value, low in (("isl", isl, 1.0), ("osl", osl, 1.0), ("prefix", request.prefix, 0.0)):
        check_number(name, value, low=low, high=1e9)
    if request.prefix >= isl:
        raise InputError("prefix", request.prefix, f"below isl = {isl:g}", "the cached part of the prompt")
    report = operate(
        model,
        system,
        OperatingPoint(batch=batch, context=context, isl=isl, osl=osl, prefix=request.prefix, engine=request.engine),
        layout=_layout(request),
        weight_dtype=request.weight_dtype,
        kv_dtype=request.kv_dtype,
        profile=profile_for(system, request.engine, request.efficiency, model=model),
    )
    if report.layout_why != "given":
        layout = report.layout
        shape = ", ".join(f"{n} {getattr(layout, n)}" for n in ("tp", "pp", "ep", "dp", "cp") if getattr(layout, n) > 1)
        defaults.append(Default(field="layout", value=shape or "one GPU", reason=report.layout_why))
    return report


def step_s_at(model: Model, system: System, report: OperatorReport, profile: Efficiency, batch: float) -> float:
    """Step time of the report's layout at another batch."""
    program = lower(model, report.layout)
    return float(step(program, system, sequences=batch, context=report.point.context, profile=profile).step_s)


def usd_per_token(system: System, report: OperatorReport, usd_per_gpu_h: float, batch: float, step_s: float) -> float:
    """Cost of an output token when all GPUs of the system are paid for, idle ones too."""
    copies = report.gpus_used // report.layout.n_gpus
    return float(
        pricing.cost_usd_per_token(
            usd_per_s=usd_per_gpu_h * system.n_chips / copies / 3600.0, step_s=step_s, batch=batch * report.layout.pp
        )
    )


def fast_mode(
    model: Model, system: System, report: OperatorReport, profile: Efficiency, batch: float, speedup: float
) -> FastMode:
    """The batch at which a step takes 1/speedup of the time: step time never falls with the batch, so bisect."""
    now = step_s_at(model, system, report, profile, batch)
    alone = step_s_at(model, system, report, profile, 1.0)
    target, low, high = now / speedup, 1.0, batch
    possible = alone <= target and batch > 1.0
    if possible:
        for _ in range(50):
            middle = (low * high) ** 0.5
            slow = step_s_at(model, system, report, profile, middle) > target
            low, high = (low, middle) if slow else (middle, high)
    return FastMode(
        speedup=speedup,
        step_s=target,
        possible=possible,
        batch=low if possible else None,
        price_ratio=pricing.fast_tier_price_ratio(slow_batch=batch, fast_batch=low, speed_ratio=speedup)
        if possible
        else None,
        fastest_speedup=now / alone,
    )


def nearest_fixes(request: AnalyzeRequest, model: Model, system: System, report: OperatorReport) -> tuple[str, ...]:
    """Changes that would fit under the same engine: batch, narrower weights, then the nearest larger system."""
    fixes = []
    most = report.memory.sequences // report.layout.pp
    if most >= 1:
        fixes.append(f"batch {most:,.0f} fits")
    formats = [name for name in ("fp8", "nvfp4") if name != request.weight_dtype]
    tries: list[tuple[str, System, str | None]] = [(f"weights in {name} fit", system, name) for name in formats]
    tries += [(f"system {other.id} fits", other, request.weight_dtype) for other in larger_systems(system)]
    for text, machine, weights in tries:
        try:
            found = operate(
                model, machine, report.point, weight_dtype=weights, kv_dtype=request.kv_dtype,
                profile=profile_for(machine, request.engine, "peak"),
            )  # fmt: skip
        except TokenroofError:
            continue
        if found.fits:
            fixes.append(text)
            if text.startswith("system"):
                break
    return tuple(fixes)

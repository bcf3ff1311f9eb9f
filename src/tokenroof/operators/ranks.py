"""What ranks cost beyond their counts: the one with most experts or tokens, thin slices, waiting for the last one."""

from tokenroof.types.dtype import dtype
from tokenroof.types.efficiency import Efficiency, OperatorCurve
from tokenroof.types.program import Num, Operator, Program
from tokenroof.xp import NUMPY, SCALAR, Namespace

__all__ = ["busiest_share", "largest_deviate", "longer", "waited_s"]

_ORDER = 1.2269  # where sqrt(2 ln n) (1 - 1 / (ln n + c)) is exactly 1 / sqrt(pi) for two deviates
_SERVER_RANKS = 8.0


def largest_deviate(number: Num, xp: Namespace) -> Num:
    """Mean of the largest of so many normal deviates, in deviations: within 0.5 % of the integral up to 256.

    The familiar sqrt(2 ln n) is what it tends to for endless n: twice too much for 2, half as much again for 8.
    """
    ln = xp.log(number)
    return xp.sqrt(2.0 * ln) * (1.0 - 1.0 / (ln + _ORDER))


def busiest_share(row: Operator, program: Program, profile: Efficiency) -> Num:
    """Tokens of the rank with the most over the mean rank's: experts of unequal popularity lie on it by chance.

    Redundant experts are copies of the most popular, placed so that ranks have about as much to do.
    """
    if row.kind != "grouped_gemm" or row.shape is None:
        return 1.0
    ranks, routing = program.layout.ep, profile.routing
    xp = NUMPY if program.vectorised or hasattr(routing.shape, "shape") else SCALAR
    deviation = routing.skew * xp.sqrt(1.0 / (routing.shape * row.shape.groups))
    deviation = xp.where(program.layout.redundant_experts > 0, 0.0, deviation)
    return xp.where(ranks > 1, profile.expert_imbalance, 1.0) * (1.0 + largest_deviate(ranks, xp) * deviation)


def longer(row: Operator, curve: OperatorCurve) -> Num:
    """How much longer the slices of experts are in effect: thin ones leave tiles half empty and streams short."""
    if row.shape is None or row.kind != "grouped_gemm":
        return 1.0
    columns, tile = row.shape.slice, curve.tile_columns
    xp = NUMPY if hasattr(columns, "shape") else SCALAR
    stored = xp.ceil(columns / tile) * tile if tile > 1.0 else columns
    return (stored + curve.padding_bytes / dtype(row.format).bytes_per_element) / columns


def waited_s(profile: Efficiency, program: Program, ranks: Num, xp: Namespace) -> Num:
    """What the mean rank waits for the last of so many: the constant is that of a server's."""
    last = largest_deviate(xp.maximum(ranks, 1.0), xp) / largest_deviate(_SERVER_RANKS, SCALAR)
    return profile.skew_s_per_width * program.hidden * last

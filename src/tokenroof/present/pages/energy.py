"""Where the power of a GPU goes, and how sure that is: a block of full pages."""

from tokenroof.present.numbers import WATTS, quantity
from tokenroof.present.page import KeyValues
from tokenroof.scenario.energy import Energy

__all__ = ["energy_block"]


def energy_block(energy: Energy | None) -> list[KeyValues]:
    """Idle, arithmetic and memory watts under the limit; none where no power is known."""
    if energy is None:
        return []
    wanted = energy.idle_w + energy.arithmetic_w + energy.memory_w
    held = " (clocks fall to stay below it)" if wanted > energy.limit_w else ""
    pairs: list[tuple[str, ...]] = [
        ("between kernels", quantity(energy.idle_w, WATTS), "drawn whatever is done"),
        ("arithmetic", quantity(energy.arithmetic_w, WATTS), "FLOP by format"),
        ("memory", quantity(energy.memory_w, WATTS), "bytes to and from it"),
        ("limit", quantity(energy.limit_w, WATTS), f"TDP{held}"),
        ("grade", energy.grade, "of the GPU alone: no host, network or cooling"),
        *((note,) for note in energy.notes),
    ]
    return [KeyValues(title="Power of a GPU", pairs=pairs, full=True)]

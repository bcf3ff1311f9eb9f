"""From a model, a layout and a system to the time and memory of a forward pass.

lower(model, layout) -> Program            rows of counts per GPU           engine.lower, engine.mixers
step(program, system, ...) -> StepTimes    seconds under a named rule       engine.timing, engine.networks
operator_table(program, system, ...)       the same, row by row             engine.table
memory_use(program, system, ...)           bytes per GPU, sequences it fits engine.memory
check_layout(model, layout, system)        what cannot be cut that way      engine.layouts
"""

from tokenroof.engine.layouts import check_layout, layout_faults, stack
from tokenroof.engine.lower import lower, lower_draft_head
from tokenroof.engine.memory import memory_use
from tokenroof.engine.table import operator_table
from tokenroof.engine.timing import bind, step

__all__ = [
    "bind", "check_layout", "layout_faults", "lower", "lower_draft_head", "memory_use", "operator_table", "stack",
    "step",
]  # fmt: skip

"""From a model, a layout and a system to the time and memory of a forward pass.

lower(model, layout) -> Program            rows of counts per GPU           operators.lower, mixers
step(program, system, ...) -> StepTimes    seconds under a named rule       operators.timing, operators.networks
operator_table(program, system, ...)       the same, row by row             operators.table
memory_use(program, system, ...)           bytes per GPU, sequences it fits operators.memory
check_layout(model, layout, system)        what cannot be cut that way      operators.layouts
"""

from tokenroof.operators.layouts import check_layout, layout_faults, stack
from tokenroof.operators.lower import lower, lower_draft_head
from tokenroof.operators.memory import memory_use
from tokenroof.operators.table import operator_table
from tokenroof.operators.timing import bind, step

__all__ = [
    "bind", "check_layout", "layout_faults", "lower", "lower_draft_head", "memory_use", "operator_table", "stack",
    "step",
]  # fmt: skip

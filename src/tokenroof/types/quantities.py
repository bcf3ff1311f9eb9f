"""The quantities that formulas speak: one alias per unit, with the range in which formulas must stay finite.

The alias is `Any` to the type checker, since a quantity may be a float, an array or a traced number.
"""

from typing import Annotated, Any

from tokenroof.units import Quantity

Number = Annotated[Any, Quantity("1", 1e-3, 1e6)]
Fraction = Annotated[Any, Quantity("1", 0.001, 0.999)]
Count = Annotated[Any, Quantity("1", 1, 1e4)]
Seconds = Annotated[Any, Quantity("s", 1e-9, 1e9)]
PerSecond = Annotated[Any, Quantity("1/s", 1e-6, 1e12)]
Bytes = Annotated[Any, Quantity("B", 1, 1e18)]
BytesPerS = Annotated[Any, Quantity("B/s", 1e6, 1e18)]
BytesPerParam = Annotated[Any, Quantity("B/param", 0.25, 8)]
BytesPerToken = Annotated[Any, Quantity("B/token", 1, 1e8)]
Flops = Annotated[Any, Quantity("FLOP", 1, 1e30)]
FlopsPerS = Annotated[Any, Quantity("FLOP/s", 1e9, 1e21)]
FlopsPerByte = Annotated[Any, Quantity("FLOP/B", 1e-3, 1e6)]
FlopsPerParamToken = Annotated[Any, Quantity("FLOP/param/token", 1, 1e2)]
MacsPerS = Annotated[Any, Quantity("MAC/s", 1e9, 1e21)]
Params = Annotated[Any, Quantity("param", 1e3, 1e15)]
Tokens = Annotated[Any, Quantity("token", 1, 1e18)]
TokensPerS = Annotated[Any, Quantity("token/s", 1e-3, 1e12)]
TokensPerSequence = Annotated[Any, Quantity("token/sequence", 1, 1e8)]
Sequences = Annotated[Any, Quantity("sequence", 1, 1e7)]
SequencesPerS = Annotated[Any, Quantity("sequence/s", 1e-6, 1e9)]
Usd = Annotated[Any, Quantity("USD", 1e-12, 1e15)]
UsdPerS = Annotated[Any, Quantity("USD/s", 1e-9, 1e6)]
UsdPerToken = Annotated[Any, Quantity("USD/token", 1e-15, 1)]
UsdPerByteS = Annotated[Any, Quantity("USD/B/s", 1e-30, 1e-3)]
Watts = Annotated[Any, Quantity("W", 1, 1e9)]
Joules = Annotated[Any, Quantity("J", 1e-9, 1e15)]
JoulesPerToken = Annotated[Any, Quantity("J/token", 1e-9, 1e6)]

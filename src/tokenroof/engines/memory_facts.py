"""Bytes that every engine on a GPU leaves outside its allocator, whichever it is: facts of driver and libraries.

Outside bytes are fitted to published vLLM logs of Llama-3-8B on 80 GB parts: 0.06 to 0.65 GiB outside. Buffers of the
communication library: about 0.35 GiB once there are ranks to talk to.
"""

from tokenroof.units import parse_quantity

__all__ = ["GIB", "MIB", "OUTSIDE_BYTES", "OUTSIDE_PER_RANK_BYTES", "SAMPLED_SEQUENCES"]

MIB = parse_quantity("1 MiB", "B")
GIB = parse_quantity("1 GiB", "B")
OUTSIDE_BYTES = 0.25 * GIB
OUTSIDE_PER_RANK_BYTES = 0.35 * GIB
SAMPLED_SEQUENCES = 256

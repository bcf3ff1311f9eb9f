"""Bytes that every engine on a GPU leaves outside its allocator, whichever it is: facts of driver and libraries.

Outside bytes are fitted to published vLLM logs of Llama-3-8B on 80 GB parts: 0.06 to 0.65 GiB outside. Buffers of the
communication library: about 0.35 GiB once there are ranks to talk to, 1.85 with those of the all-reduces that vLLM and
SGLang bring (vLLM 0.19 on two and four H100: gpt-oss-20b, Llama-3.3-70B, Mistral-Small-24B).
"""

from tokenroof.units import parse_quantity

__all__ = ["GIB", "MIB", "OUTSIDE_BYTES", "OUTSIDE_PER_RANK_BYTES", "REDUCING_BYTES", "SAMPLED_SEQUENCES"]

MIB = parse_quantity("1 MiB", "B")
GIB = parse_quantity("1 GiB", "B")
OUTSIDE_BYTES = 0.25 * GIB
OUTSIDE_PER_RANK_BYTES = 0.35 * GIB
REDUCING_BYTES = 1.85 * GIB
SAMPLED_SEQUENCES = 256

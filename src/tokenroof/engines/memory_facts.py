"""Bytes that every engine on a GPU leaves outside its allocator, whichever it is: facts of driver and libraries.

Outside bytes and the eight copies of the logits are fitted to published vLLM logs of Llama-3-8B on 80 GB parts: 0.06 to
0.65 GiB outside, 1.16 to 1.24 GiB of activations with 8,192 tokens and 256 sequences. The driver keeps 0.5 to 0.8 GiB:
A100 80.0 reported, 79.15 to 79.25 seen by the allocator; H100 79.65 and 79.1; H200 140.4 and 139.8; B200 179.1 and
178.4. Buffers of the communication library: about 0.35 GiB once there are ranks to talk to.
"""

from tokenroof.units import parse_quantity

__all__ = ["DRIVER_BYTES", "GIB", "OUTSIDE_BYTES", "OUTSIDE_PER_RANK_BYTES", "SAMPLED_SEQUENCES"]

GIB = parse_quantity("1 GiB", "B")
OUTSIDE_BYTES = 0.25 * GIB
OUTSIDE_PER_RANK_BYTES = 0.35 * GIB
DRIVER_BYTES = 0.6 * GIB
SAMPLED_SEQUENCES = 256

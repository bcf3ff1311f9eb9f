"""A config of no known family, read by its key names as the commonest decoder.

The caller refuses the file where a key that could change shapes was left unread.
"""

from tokenroof.catalog.dialects import deepseek
from tokenroof.catalog.dialects.decoder import read_with
from tokenroof.catalog.dialects.decoder_rows import Decoder
from tokenroof.catalog.dialects.parts import Architecture
from tokenroof.catalog.dialects.reader import ConfigReader

__all__ = ["read"]


def read(r: ConfigReader) -> Architecture:
    """Read by key names."""
    if r.has("kv_lora_rank"):
        return deepseek.read(r)
    return read_with(r, Decoder(moe=None, expert_width=("moe_intermediate_size", "intermediate_size")))

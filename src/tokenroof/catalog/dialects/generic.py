"""A config of no known family, read by its key names as the commonest decoder."""

from tokenroof.catalog.dialects import deepseek
from tokenroof.catalog.dialects.decoder import Decoder, read_with
from tokenroof.catalog.dialects.parts import Architecture
from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError

__all__ = ["read"]

# Keys of architectures that a decoder of the common kind would misread; better refused than wrong.
_FOREIGN = (
    "hybrid_override_pattern", "layers_block_type", "ssm_cfg", "mamba_d_state", "ssm_state_size", "state_size",
    "linear_attn_config", "linear_num_value_heads", "compress_ratios", "block_configs",
    "attn_type_list", "hybrid_layer_pattern", "moe_latent_size", "routed_expert_hidden_size", "zero_expert_num",
)  # fmt: skip


def read(r: ConfigReader) -> Architecture:
    """Read by key names; refuse a file whose keys show another architecture."""
    for key in _FOREIGN:
        if r.has(key):
            raise InputError(
                "model_type", r.model_type, f"a known one where the config has {key}", "no dialect reads it yet"
            )
    if r.has("kv_lora_rank"):
        return deepseek.read(r)
    return read_with(r, Decoder(moe=None, expert_width=("moe_intermediate_size", "intermediate_size")))

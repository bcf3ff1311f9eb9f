"""A llama of random weights as a GGUF file, with the config.json that tokenroof reads: no download, no licence.

Every token but the special ones and the bytes is one character of its own, so that a prompt of n characters is n tokens
and every token generated shows. Rows of the others are zero in the head: greedy sampling never ends early.
"""

import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["SHAPES", "Shape", "alphabet", "write_config", "write_gguf"]

_VOCAB = 32_000
_SPECIAL = ("<unk>", "<s>", "</s>")
_BYTES = 256
_LETTERS = (*range(0x4E00, 0xA000), *range(0xAC00, 0xD7A4))  # CJK and Hangul: one code point, one token
_CONTEXT = 16_384


@dataclass(frozen=True, slots=True)
class Shape:
    """Dimensions of a llama."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int

    @property
    def head_dim(self) -> int:
        return self.hidden // self.heads


SHAPES = {
    "tiny": Shape(8, 512, 1536, 8, 4),
    "small": Shape(12, 1024, 2816, 16, 8),
    "wide": Shape(10, 1536, 4096, 24, 8),
    "medium": Shape(20, 1280, 3456, 20, 10),
    "large": Shape(32, 4096, 14336, 32, 8),
}


def alphabet() -> tuple[str, ...]:
    """The characters that are tokens."""
    return tuple(chr(letter) for letter in _LETTERS[: _VOCAB - len(_SPECIAL) - _BYTES])


def write_config(shape: Shape, path: Path) -> None:
    """The model as Hugging Face would describe it."""
    config = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "torch_dtype": "float16",
        "num_hidden_layers": shape.layers, "hidden_size": shape.hidden, "intermediate_size": shape.intermediate,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_dim,
        "vocab_size": _VOCAB, "max_position_embeddings": _CONTEXT, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "tie_word_embeddings": False, "hidden_act": "silu",
    }  # fmt: skip
    path.write_text(json.dumps(config, indent=1), encoding="utf-8")


def _vocabulary(writer, gguf) -> None:
    kinds = gguf.TokenType
    texts = [*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(_BYTES)), *alphabet()]
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * _BYTES, *[kinds.NORMAL] * len(alphabet())]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([text.encode() for text in texts])
    writer.add_token_scores([0.0] * _VOCAB)
    writer.add_token_types([int(one) for one in types])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)


def write_gguf(shape: Shape, format: str, path: Path, seed: int = 0) -> None:
    """Weights drawn anew for each tensor from one block of random numbers, in `q8_0` or `f16`; norms stay fp32."""
    import gguf
    import numpy as np
    from gguf.quants import quantize

    kind = {"q8_0": gguf.GGMLQuantizationType.Q8_0, "f16": gguf.GGMLQuantizationType.F16}[format]
    kept = {"q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "f16": gguf.LlamaFileType.MOSTLY_F16}[format]
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("random")
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.intermediate)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(_VOCAB)
    writer.add_file_type(kept)
    _vocabulary(writer, gguf)
    block = np.random.default_rng(seed).standard_normal(1 << 22, dtype=np.float32)

    def matrix(name: str, rows: int, columns: int, blank: int = 0) -> None:
        start = sum(map(ord, name)) * 7919 % block.size
        weights = np.resize(np.roll(block, start), rows * columns).reshape(rows, columns) * columns**-0.5
        weights[:blank] = 0.0
        writer.add_tensor(name, quantize(weights, kind), raw_dtype=kind)

    def ones(name: str) -> None:
        writer.add_tensor(name, np.ones(shape.hidden, np.float32))

    narrow = shape.kv_heads * shape.head_dim
    matrix("token_embd.weight", _VOCAB, shape.hidden)
    for layer in range(shape.layers):
        ones(f"blk.{layer}.attn_norm.weight")
        ones(f"blk.{layer}.ffn_norm.weight")
        matrix(f"blk.{layer}.attn_q.weight", shape.hidden, shape.hidden)
        matrix(f"blk.{layer}.attn_k.weight", narrow, shape.hidden)
        matrix(f"blk.{layer}.attn_v.weight", narrow, shape.hidden)
        matrix(f"blk.{layer}.attn_output.weight", shape.hidden, shape.hidden)
        matrix(f"blk.{layer}.ffn_gate.weight", shape.intermediate, shape.hidden)
        matrix(f"blk.{layer}.ffn_up.weight", shape.intermediate, shape.hidden)
        matrix(f"blk.{layer}.ffn_down.weight", shape.hidden, shape.intermediate)
    ones("output_norm.weight")
    matrix("output.weight", _VOCAB, shape.hidden, blank=len(_SPECIAL) + _BYTES)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

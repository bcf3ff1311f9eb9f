"""KV bytes per token and per sequence, derived by hand from the published shapes; 16-bit entries unless noted.

Source of the shapes: the config.json that each catalogue entry names. Sums are written out so that they can be
checked without the code.
"""

import pytest

from tokenroof.catalog.models.index import load_model
from tokenroof.mixers.architecture_cache import (
    kv_bytes_per_sequence,
    kv_bytes_per_token,
    kv_growth_bytes_per_token,
    kv_read_bytes_per_step,
    state_bytes_per_sequence,
)
from tokenroof.mixers.architecture_flops import attention_flops_per_token, linear_flops_per_token

PER_TOKEN = {
    # MLA: 61 layers x (512 latent + 64 rotary key) x 2 B
    "deepseek-v3": 70_272,
    # 28 layers x 4 KV heads x (128 + 128) x 2 B
    "qwen2.5-7b": 57_344,
    # 126 layers x 8 KV heads x (128 + 128) x 2 B
    "llama-3.1-405b": 516_096,
    # as DeepSeek-V3, plus an index key of 128 fp8 + one fp32 scale = 132 B in each of 61 layers
    "deepseek-v3.2": 70_272 + 61 * 132,
    # 78 x 576 x 2 B, and index keys in the 21 layers that run their own indexer (57 share)
    "glm-5.2": 78 * 576 * 2 + 21 * 132,
    # gpt-oss-120b: 36 layers x 8 x (64 + 64) x 2 B, half of them with a window of 128
    "gpt-oss-120b": 36 * 8 * 128 * 2,
    "gpt-oss-20b": 24 * 8 * 128 * 2,
    # Gemma 3 27B: 62 layers x 16 x (128 + 128) x 2 B, five of six with a window of 1024
    "gemma-3-27b": 62 * 16 * 256 * 2,
    # Gemma 4 31B: 50 sliding layers of 16 heads x 256, 10 full ones of 4 heads x 512; K = V is not kept once
    "gemma-4-31b": 50 * 16 * 512 * 2 + 10 * 4 * 1024 * 2,
    # Gemma 2 9B: 42 layers x 8 x (256 + 256) x 2 B, every second with a window of 4096
    "gemma-2-9b": 42 * 8 * 512 * 2,
    # Qwen3-Next: 48 layers, every fourth full: 12 x 2 x (256 + 256) x 2 B
    "qwen3-next-80b-a3b": 12 * 2 * 512 * 2,
    # MiniMax-M1: 80 layers, every eighth full: 10 x 8 x (128 + 128) x 2 B
    "minimax-m1": 10 * 8 * 256 * 2,
    # Nemotron-3-Nano: 6 attention layers (the stars of its pattern) x 2 x (128 + 128) x 2 B
    "nemotron-3-nano-30b-a3b": 6 * 2 * 256 * 2,
    # Kimi-Linear: 7 MLA layers (4, 8, 12, 16, 20, 24, 27) x 576 x 2 B
    "kimi-linear-48b-a3b": 7 * 576 * 2,
    # Jamba 1.5 Large: 72 layers, one of eight attention: 9 x 8 x (128 + 128) x 2 B
    "jamba-1.5-large": 9 * 8 * 256 * 2,
    # Nemotron-Super-49B: 49 of 80 blocks keep attention, 8 KV heads
    "llama-3.3-nemotron-super-49b": 49 * 8 * 256 * 2,
    # LongCat-Flash: 28 published layers with two attentions each
    "longcat-flash": 56 * 576 * 2,
    # Llama 3.2 11B Vision: 8 of 40 layers read images and keep nothing per token of text
    "llama-3.2-11b-vision": 32 * 8 * 256 * 2,
    # Falcon-7B: one head of 64 for all 71 queries
    "falcon-7b": 32 * 1 * 128 * 2,
    # Step-3: 61 layers, one head of 256
    "step3": 61 * 1 * 512 * 2,
}


@pytest.mark.parametrize("name", PER_TOKEN)
def test_bytes_per_token(name: str) -> None:
    assert kv_bytes_per_token(load_model(name)) == PER_TOKEN[name]


def test_bytes_per_token_halve_at_one_byte() -> None:
    assert kv_bytes_per_token(load_model("deepseek-v3"), 1.0) == 35_136
    # packed entries have one size, scales and 16-bit rotary part in it: 656 B and 132 B of index keys a layer
    assert kv_bytes_per_token(load_model("deepseek-v3.2"), 1.0) == 61 * (656 + 132)


def test_gpt_oss_windows_stop_at_128() -> None:
    model = load_model("gpt-oss-120b")
    per_layer = 8 * 128 * 2  # 2,048 B a token
    assert kv_growth_bytes_per_token(model) == 18 * per_layer
    assert kv_bytes_per_sequence(model, 100) == 36 * 100 * per_layer
    assert kv_bytes_per_sequence(model, 131_072) == 18 * per_layer * (131_072 + 128)
    assert kv_read_bytes_per_step(model, 131_072) == kv_bytes_per_sequence(model, 131_072)


def test_gemma_3_keeps_52_windows_and_10_full_layers() -> None:
    # 62 layers, every sixth full: 10 full, 52 sliding
    model = load_model("gemma-3-27b")
    per_layer = 16 * 256 * 2
    assert kv_growth_bytes_per_token(model) == 10 * per_layer
    assert kv_bytes_per_sequence(model, 32_768) == per_layer * (10 * 32_768 + 52 * 1_024)


def test_deepseek_v4_flash_compresses() -> None:
    # 43 layers: 2 window only, 21 at ratio 4 with an indexer, 20 at ratio 128; one vector of 512 x 2 B = 1,024 B
    model = load_model("deepseek-v4-flash")
    context = 131_072
    windows = 43 * 128 * 1_024
    quarter = 21 * context // 4 * (1_024 + 132)
    heavy = 20 * context // 128 * 1_024
    assert kv_bytes_per_sequence(model, context) == windows + quarter + heavy
    # read: all windows, 512 of the ratio-4 entries, all of the heavy ones, and the scan of 32,768 index keys
    read = windows + 21 * 512 * 1_024 + heavy + 21 * context // 4 * 132
    assert kv_read_bytes_per_step(model, context) == read


def test_top_k_reads_less_than_it_keeps() -> None:
    # DeepSeek-V3.2 at 128 K: 2,048 entries of 1,152 B in each layer, and a scan of 131,072 keys of 132 B
    model = load_model("deepseek-v3.2")
    assert kv_read_bytes_per_step(model, 131_072) == 61 * (2_048 * 1_152 + 131_072 * 132)
    assert kv_bytes_per_sequence(model, 131_072) == 131_072 * 78_324
    # below k it reads everything, and the scan besides
    assert kv_read_bytes_per_step(model, 1_000) == 61 * 1_000 * (1_152 + 132)


STATE = {
    # 36 layers: 32 value heads x 128 x 128 in fp32, and (2 x 16 x 128 + 32 x 128) channels x 3 columns x 2 B
    "qwen3-next-80b-a3b": 36 * (32 * 128 * 128 * 4 + 8_192 * 3 * 2),
    # 70 lightning layers: 64 heads x 128 x 128 in fp32, no convolution
    "minimax-m1": 70 * 64 * 128 * 128 * 4,
    # 23 Mamba-2 layers: 64 heads x 64 x 128 in fp32, and (4,096 + 2 x 8 x 128) channels x 3 columns x 2 B
    "nemotron-3-nano-30b-a3b": 23 * (64 * 64 * 128 * 4 + 6_144 * 3 * 2),
    # 20 KDA layers: 32 heads x 128 x 128 in fp32, and three convolutions of 4,096 channels
    "kimi-linear-48b-a3b": 20 * (32 * 128 * 128 * 4 + 3 * 4_096 * 3 * 2),
    # 63 Mamba layers: 16,384 channels x 16 in fp32, and 3 columns x 2 B
    "jamba-1.5-large": 63 * (16_384 * 16 * 4 + 16_384 * 3 * 2),
    "deepseek-v3": 0,
    "gpt-oss-120b": 0,
}


@pytest.mark.parametrize("name", STATE)
def test_state_per_sequence(name: str) -> None:
    assert state_bytes_per_sequence(load_model(name)) == STATE[name]


def test_attention_arithmetic_of_llama_405b() -> None:
    # 126 layers x 4 x 16,384 FLOP a cached token (128 heads of 128, scores and weighted sum)
    assert attention_flops_per_token(load_model("llama-3.1-405b"), 1_000) == 126 * 4 * 16_384 * 1_000


def test_mla_decodes_in_the_latent_and_prefills_per_head() -> None:
    model = load_model("deepseek-v3")
    # decode: 128 heads x (576 scores + 512 values) x 2; prefill: 128 x (192 + 128) x 2
    assert attention_flops_per_token(model, 1.0) == 61 * 2 * 128 * (576 + 512)
    assert attention_flops_per_token(model, 1.0, absorbed=False) == 61 * 2 * 128 * (192 + 128)


def test_matmuls_take_two_flop_per_active_weight() -> None:
    # 37.55 B active with both tables, less the input table of 129,280 x 7,168
    flops = linear_flops_per_token(load_model("deepseek-v3"))
    assert flops == 2 * (37_552_282_624 - 129_280 * 7_168)

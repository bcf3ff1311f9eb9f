"""Bytes of a cache entry as kernels pack it, and what engines keep where they are not told."""

import pytest

from tokenroof.catalog import load_model, load_system
from tokenroof.catalog.models.importer import model_from_config
from tokenroof.engines import engine
from tokenroof.mixers.architecture_cache import kv_bytes_per_sequence, kv_bytes_per_token, kv_read_bytes_per_step
from tokenroof.operators.lower import lower
from tokenroof.operators.memory import memory_use
from tokenroof.scenario.resolve import resolve
from tokenroof.types.layout import Layout
from tokenroof.types.scenario import Scenario

GIB = 2**30


def test_an_8_bit_entry_of_sparse_mla_is_656_bytes_and_132_of_index() -> None:
    """512, 4 scales of 4 bytes, 64 rotary in 16 bits; index key 128 and 4: 975,424 tokens in 43.67 GiB (SGLang)."""
    model = load_model("deepseek-v3.2")
    assert kv_bytes_per_token(model, 1.0) == 61 * (512 + 16 + 128 + 128 + 4) == 48_068
    assert 975_424 * kv_bytes_per_token(model, 1.0) / GIB == pytest.approx(43.67, abs=0.005)
    assert kv_bytes_per_token(model, 2.0) == 61 * (576 * 2 + 132)
    # a step reads 2,048 entries and scans every key
    assert kv_read_bytes_per_step(model, 100_000, 1.0) == 61 * (2048 * 656 + 100_000 * 132)


def test_a_4_bit_entry_of_sparse_mla_is_352_bytes() -> None:
    assert kv_bytes_per_token(load_model("deepseek-v3.2"), 0.5 + 1.0 / 16.0) == 61 * (256 + 32 + 64 + 132)


def test_latent_attention_without_an_indexer_has_no_scales() -> None:
    assert kv_bytes_per_token(load_model("deepseek-v3"), 1.0) == 61 * 576


def test_the_program_keeps_and_reads_the_same_bytes() -> None:
    for name in ("deepseek-v3.2", "deepseek-v4-flash"):
        model = load_model(name)
        use = memory_use(lower(model, Layout(kv_dtype="fp8")), load_system("b300"), context=65_536, engine="none")
        assert use.cache_bytes_per_sequence == pytest.approx(kv_bytes_per_sequence(model, 65_536, 1.0), rel=1e-9)


def test_an_8_bit_entry_of_compressed_attention_is_584_bytes() -> None:
    """448 in 8 bits, 64 rotary in 16, 7 scales and a byte to fill up; two layers keep a window of 128 alone."""
    model = load_model("deepseek-v4-flash")
    compressed = 21 * (584 + 132) / 4 + 20 * 584 / 128
    assert kv_bytes_per_sequence(model, 1_000_000, 1.0) == pytest.approx(1e6 * compressed + 43 * 128 * 584)


def test_vllm_gives_all_compressed_layers_pages_of_one_size() -> None:
    """V4-Flash in tp2 on H20: a request of 912,128 tokens takes 6.33 GiB of the pool (vllm issue 51041).

    256 tokens are 64 entries of 584 B, rounded up to 576: 37,440 B, and 64 index keys: 8,640 B, in each of 41 layers,
    those that keep 2 entries in the place of 64 too.
    """
    program, machine = lower(load_model("deepseek-v4-flash"), Layout(tp=2)), load_system("2xh20")
    each = {
        version: memory_use(program, machine, context=912_128, engine=engine("vllm", version)).cache_bytes_per_sequence
        for version in ("0.19.0", "0.28.0")
    }
    assert each["0.28.0"] / GIB == pytest.approx(6.33, rel=0.01)
    assert each["0.28.0"] == pytest.approx(912_128 / 256 * 41 * (37_440 + 8_640) + 43 * 128 * 584, rel=1e-9)
    assert each["0.19.0"] < 0.6 * each["0.28.0"]


@pytest.mark.parametrize(
    ("model", "kept"),
    [("deepseek-v3.2", "fp8"), ("deepseek-v3.2-nvfp4", "fp8"), ("deepseek-v4-flash", "fp8"), ("deepseek-v4-pro", "fp8"),
     ("deepseek-v3", "bf16"), ("qwen3.5-397b-a17b-nvfp4", "fp8"), ("kimi-k2.5-nvfp4", "fp8"), ("llama-3.1-8b", "bf16")],
)  # fmt: skip
def test_the_cache_that_engines_keep_where_they_are_not_told(model: str, kept: str) -> None:
    """V3.2 and V4 in packed 8 bits; checkpoints with scales for their cache in what these are for."""
    assert load_model(model).kv_dtype == kept
    deployment = resolve(Scenario(model=model, system="8xb300"))
    assert deployment.kv_dtype == kept
    assert [one.value for one in deployment.defaults if one.field == "kv_dtype"] == [kept]


@pytest.mark.parametrize(
    "quantisation",
    [{"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"},
     {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_scheme": {"type": "float", "num_bits": 8}},
     {"quant_method": "modelopt", "quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}],
    ids=["algorithm", "scheme", "nested"],
)  # fmt: skip
def test_scales_of_a_checkpoint_make_an_8_bit_cache(quantisation: dict) -> None:
    config = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
        "torch_dtype": "bfloat16", "quantization_config": quantisation,
    }  # fmt: skip
    assert model_from_config(config, id="m").kv_dtype == "fp8"


def test_sglang_holds_as_many_tokens_as_its_log_says() -> None:
    """Qwen3-235B in FP8 in tp4 on H100 at 0.93: 367,404 tokens (vllm issue 21348)."""
    program = lower(load_model("qwen3-235b-a22b-fp8"), Layout(tp=4))
    use = memory_use(program, load_system("4xh100"), context=1024, engine="sglang", fraction=0.93)
    assert use.cache_pool_bytes / use.cache_bytes_per_sequence * 1024 == pytest.approx(367_404, rel=0.01)

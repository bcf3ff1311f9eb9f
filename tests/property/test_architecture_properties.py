"""What holds for the cache and the weights of every model, whatever its layers are made of."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenroof.catalog.models.index import load_models
from tokenroof.mixers.architecture import (
    active_params,
    params_by_class,
    total_params,
    uniform_dtypes,
    weight_bytes,
)
from tokenroof.mixers.architecture_cache import (
    kv_bytes_per_sequence,
    kv_bytes_per_token,
    kv_growth_bytes_per_token,
    kv_read_bytes_per_step,
)
from tokenroof.mixers.architecture_flops import attention_flops_per_token
from tokenroof.types.dtype import DTYPES
from tokenroof.types.model import CompressedAttention, Gqa, Mla, Model

MODELS = st.sampled_from(load_models())
CONTEXTS = st.integers(min_value=0, max_value=4_000_000)
WIDTHS = st.sampled_from([0.5, 1.0, 2.0, 4.0])


@given(model=MODELS, a=CONTEXTS, b=CONTEXTS, width=WIDTHS)
def test_more_context_never_keeps_or_reads_less(model: Model, a: int, b: int, width: float) -> None:
    low, high = sorted((a, b))
    assert kv_bytes_per_sequence(model, low, width) <= kv_bytes_per_sequence(model, high, width)
    assert kv_read_bytes_per_step(model, low, width) <= kv_read_bytes_per_step(model, high, width)
    assert attention_flops_per_token(model, low) <= attention_flops_per_token(model, high)


@given(model=MODELS, context=CONTEXTS, width=WIDTHS)
def test_the_store_lies_between_slope_and_headline(model: Model, context: int, width: float) -> None:
    stored = kv_bytes_per_sequence(model, context, width)
    assert kv_growth_bytes_per_token(model, width) * context <= stored * (1 + 1e-12)
    assert stored <= kv_bytes_per_token(model, width) * context * (1 + 1e-12)


@given(model=MODELS, context=st.integers(min_value=1, max_value=64))
def test_short_sequences_fill_no_window(model: Model, context: int) -> None:
    """Every window of the catalogue is longer than 64 tokens, so the headline figure holds exactly."""
    assert kv_bytes_per_sequence(model, context) == pytest.approx(context * kv_bytes_per_token(model), rel=1e-12)


@given(model=MODELS, context=CONTEXTS)
def test_a_step_reads_no_more_than_is_kept_unless_caches_are_shared(model: Model, context: int) -> None:
    if all(g.mixer.stores_kv for g in model.layers if isinstance(g.mixer, Gqa | Mla)):
        kept = kv_bytes_per_sequence(model, context)
        assert kv_read_bytes_per_step(model, context) <= kept * (1 + 1e-12)


@given(model=MODELS, context=CONTEXTS, width=WIDTHS)
def test_without_indexers_bytes_scale_with_the_width(model: Model, context: int, width: float) -> None:
    mixers = [g.mixer for g in model.layers if isinstance(g.mixer, Gqa | Mla | CompressedAttention)]
    if all(mixer.indexer is None for mixer in mixers):
        assert kv_bytes_per_sequence(model, context, width) == pytest.approx(
            kv_bytes_per_sequence(model, context, 1.0) * width, rel=1e-12
        )


@given(model=MODELS)
def test_active_never_exceeds_total(model: Model) -> None:
    active = active_params(model)
    assert 0 < active.without_embeddings <= active.with_embeddings <= total_params(model)


@given(model=MODELS, name=st.sampled_from(sorted(DTYPES)))
def test_one_format_for_all_is_params_times_bytes(model: Model, name: str) -> None:
    expected = total_params(model) * DTYPES[name].bytes_per_element
    assert weight_bytes(model, uniform_dtypes(name)) == pytest.approx(expected, rel=1e-12)


@given(model=MODELS)
def test_the_order_of_layers_does_not_change_a_sum(model: Model) -> None:
    turned = replace(model, layers=model.layers[::-1], order=())
    assert total_params(turned) == total_params(model)
    assert params_by_class(turned) == params_by_class(model)
    assert kv_bytes_per_token(turned) == pytest.approx(kv_bytes_per_token(model), rel=1e-12)

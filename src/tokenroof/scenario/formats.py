"""One word for a checkpoint's format becomes the format of every class of weights."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

from tokenroof.catalog import load_model
from tokenroof.errors import TokenroofError, UnknownName
from tokenroof.mixers import kind_of
from tokenroof.mixers.architecture import params_by_class, uniform_dtypes
from tokenroof.registry import nearest
from tokenroof.types.dtype import DTYPES, dtype
from tokenroof.types.model import Model, WeightDtypes

__all__ = ["ALIASES", "format_named", "main_format", "served_weights"]

# As tables and engines write them; anything else is a name of types.dtype.
ALIASES = {
    "fp4": "nvfp4", "w8a8": "int8", "int4": "int4_g128", "w4a16": "int4_g128", "int8-wo": "int8",
    "int4-wo-g32": "int4_g32", "w4a8kv4": "int4_g128", "fp8_e4m3": "fp8",
}  # fmt: skip
_LINEAR = ("attention", "dense", "experts", "shared_experts", "recurrent")
_VARIANTS = {"fp8": "-fp8", "nvfp4": "-nvfp4"}


def main_format(model: Model) -> str:
    """The format that most of a model's weights are in."""
    sizes = params_by_class(model)
    return str(getattr(model.weights, max(sizes, key=lambda name: sizes[name])))


def _bits(name: str) -> int:
    width = dtype(name).bytes_per_element
    return 4 if width < 0.75 else 8 if width < 1.5 else 16


@lru_cache(maxsize=1024)
def _published(model_id: str, name: str) -> Model | None:
    """The catalogue's own checkpoint of a model in a format."""
    suffix = _VARIANTS.get(name)
    if suffix is None:
        return None
    try:
        return load_model(model_id + suffix)
    except TokenroofError:
        return None


def format_named(word: str) -> str:
    """The format of weights that a word means; UnknownName for one that means none."""
    name = ALIASES.get(word.lower(), word.lower())
    try:
        return dtype(name).name
    except UnknownName:
        raise UnknownName("weight_dtype", word, nearest(name, (*DTYPES, *ALIASES)) or tuple(DTYPES)) from None


def served_weights(model: Model, name: str | None) -> tuple[Model, WeightDtypes | None]:
    """The model and its weight formats when it is served in `name`; None: as the checkpoint has them.

    Quantised checkpoints keep embeddings, head, router and norms in 16 bits; published 4-bit checkpoints of models with
    latent attention keep attention in 16 bits too. A checkpoint's own quantisation of that width is taken as it is.
    """
    if not name or name == "own":
        return model, None
    wanted = format_named(name)
    width, own = _bits(wanted), model.weights.experts
    if wanted == main_format(model):
        return model, None
    if dtype(wanted).everywhere:
        return model, uniform_dtypes(wanted)
    if (width == 8 and own.startswith("fp8") and wanted.startswith("fp8")) or (
        width == 4 and _bits(own) == 4 and ("fp4" in own) == ("fp4" in wanted)
    ):
        return model, None
    variant = _published(model.id, wanted)
    if variant is not None:
        return variant, None
    plain = "bf16" if width != 16 else wanted
    classes: dict[str, Any] = dict.fromkeys(_LINEAR, wanted)
    if width == 4 and any(kind_of(group.mixer).wide_at_4_bits for group in model.layers):
        classes["attention"] = "bf16"
    classes |= dict.fromkeys(("embedding", "unembedding", "other"), plain)
    return model, WeightDtypes(**classes)


def with_weights(model: Model, stored: WeightDtypes | None) -> Model:
    """The model as if its checkpoint had these formats."""
    return model if stored is None else replace(model, weights=stored)

"""Which family a config is of: its model_type, or what its class is called, or the text part of a model it names."""

import re

from tokenroof.catalog.dialects import DIALECTS
from tokenroof.catalog.dialects.reader import ConfigReader
from tokenroof.errors import InputError

__all__ = ["class_name", "find_family", "headless", "refuse_other_kinds"]

# What follows the family's name in a class of the modelling library.
_TASK = re.compile(
    r"(?:MoE|Sparse|Text|VL)?(?:ForCausalLM|ForConditionalGeneration|LMHeadModel|LMHead|ForImageTextToText|Model"
    r"|For[A-Z]\w+)$"
)
_CAUSAL = re.compile(r"(?:ForCausalLM|ForConditionalGeneration|LMHeadModel|LMHead|ForImageTextToText)")
_SCORES = re.compile(r"For(?:SequenceClassification|TokenClassification|RewardModel\w*|QuestionAnswering)$")


def class_name(root: ConfigReader) -> str | None:
    """The class that the file names, or None."""
    names = root.texts("architectures") if root.is_list("architectures") else None
    return names[0][:80] if names else None


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _by_class(name: str | None) -> str | None:
    if name is None:
        return None
    known = {_plain(family): family for family in DIALECTS}
    stem = _plain(_TASK.sub("", name))
    whole = _plain(re.sub(r"(?:For[A-Z]\w+|LMHeadModel|Model)$", "", name))
    return known.get(whole) or known.get(whole + "text") or known.get(stem)


def find_family(root: ConfigReader, r: ConfigReader) -> str:
    """The name in DIALECTS that reads the text part `r` of the file `root`; its own model_type where none does.

    A nested part without a model_type is the text part of what the file names: minimax_m3_vl -> minimax_m3_vl_text.
    """
    candidates = [r.model_type]
    if r is not root and r.text("model_type") is None:
        candidates = [f"{root.model_type}_text", root.model_type]
    for name in (*candidates, f"{r.model_type}_text"):
        if name in DIALECTS:
            return name
    family = _by_class(class_name(root))
    if family is not None:
        r.warn(f"model_type {r.model_type!r} is not known: read as {family}, by the class {class_name(root)}")
    return family or candidates[-1]


# Keys that say what a file of no known family is for, in the order in which they are looked at.
_OTHER_WORK = (
    (("_class_name", "_diffusers_version"), "makes pictures in steps, and no tokens"),
    (("encoder_layers", "encoder_attention_heads", "encoder_ffn_dim", "num_decoder_layers"),
     "has an encoder and a decoder, which are not read"),
    (("num_mel_bins", "conv_dim", "num_feat_extract_layers", "audio_encoder", "codebook_size", "upsampling_ratios"),
     "hears or speaks, and its layers for sound are not read"),
    (("image_size", "patch_size", "num_channels"), "looks at pictures and writes no tokens"),
    (("num_mem_blocks", "loop_num_passes"),
     "has layers that are stored once and run several times, which is not read"),
)  # fmt: skip


def _refuse_other_work(root: ConfigReader, r: ConfigReader) -> None:
    """In its own words: what the model does, and the keys that say so."""
    for keys, does in _OTHER_WORK:
        found = [key for key in keys if r.has(key) or root.has(key)]
        pictures_with_text = "image_size" in keys and r.has("vocab_size")
        if found and not pictures_with_text:
            raise InputError("model_type", r.model_type, f"a decoder of text: this one {does}", ", ".join(found))


def refuse_other_kinds(root: ConfigReader, r: ConfigReader) -> None:
    """Refuse a file of no known family whose class does not generate text."""
    name = class_name(root)
    if root.flag("is_encoder_decoder", False) or r.flag("is_encoder_decoder", False):
        raise InputError("model_type", r.model_type, "a decoder", "models of an encoder and a decoder are not read")
    _refuse_other_work(root, r)
    if name is not None and not _CAUSAL.search(name) and not _SCORES.search(name):
        raise InputError("architectures", name, "a class that generates text, such as LlamaForCausalLM",
                         f"{r.model_type} is not a family that is read")  # fmt: skip


def headless(root: ConfigReader) -> bool:
    """Whether the class that the file names has no output table: rewards, classes, bare hidden states."""
    name = class_name(root) or ""
    return bool(_SCORES.search(name)) or (name.endswith("Model") and not _CAUSAL.search(name))

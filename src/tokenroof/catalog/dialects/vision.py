"""Vision towers: their weights, which sit in memory beside the language model.

Facts of the published implementations (transformers 5.23.0): SigLIP (Gemma 3), Gemma 4's tower, the Qwen3-VL
tower, MoonViT (Kimi), Pixtral (Mistral), Llama 3.2's two-stage tower. A tower of another kind counts as nothing,
with a warning.
"""

from tokenroof.catalog.dialects.reader import MAX_LAYERS, ConfigReader
from tokenroof.catalog.dialects.towers import TOWERS_BY_MODEL, block
from tokenroof.errors import InputError

__all__ = ["vision_params", "vision_pass"]

_WHY = "class default of the tower"


def _siglip(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    width, n, patch = v.count("hidden_size"), v.count("num_hidden_layers", high=MAX_LAYERS), v.count("patch_size")
    positions = (v.count("image_size") // patch) ** 2
    layer = block(width, v.count("intermediate_size"), norms=4, attention_bias=True, mlp_bias=True)
    embed = 3 * patch * patch * width + width + positions * width
    projector = width * hidden + width
    return n * layer + embed + 2 * width + projector


def _gemma4(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    width, n = v.count("hidden_size"), v.count("num_hidden_layers", high=MAX_LAYERS)
    heads, kv_heads, head = v.count("num_attention_heads"), v.count("num_key_value_heads"), v.count("head_dim")
    attention = 2 * width * (heads + kv_heads) * head + 2 * head
    layer = attention + 3 * width * v.count("intermediate_size") + 4 * width
    patch = 3 * v.count("patch_size") ** 2 * width
    positions = 2 * v.count("position_embedding_size") * width
    return n * layer + patch + positions + width * hidden


def _qwen(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    width, n, inner = v.count("hidden_size"), v.count("depth", high=MAX_LAYERS), v.count("intermediate_size")
    temporal = v.count_or("temporal_patch_size", 2, _WHY)
    positions = v.count_or("num_position_embeddings", 2304, _WHY)
    merged = width * v.count("spatial_merge_size") ** 2
    out = v.maybe("out_hidden_size") or hidden
    if v.has("deepstack_visual_indexes"):
        deep = len(v.counts("deepstack_visual_indexes") or [])
    elif root.model_type.startswith(("qwen3_5", "qwen4_exp")):
        deep = 0
    else:
        deep = v.assume("deepstack_visual_indexes", 3, "three levels, " + _WHY)
    embed = v.count("in_channels") * temporal * v.count("patch_size") ** 2 * width + width + positions * width
    layer = block(width, inner, norms=4, attention_bias=True, mlp_bias=True)
    merger = merged * merged + merged + merged * out + out
    # the first merger norms before it joins patches, those of the deep levels after
    return n * layer + embed + merger + 2 * width + deep * (merger + 2 * merged)


def _moonvit(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    width, n = (
        v.count("vt_hidden_size", "hidden_size"),
        v.count("vt_num_hidden_layers", "num_hidden_layers", high=MAX_LAYERS),
    )
    inner, patch = v.count("vt_intermediate_size", "intermediate_size"), v.count("patch_size")
    rows = v.maybe("init_pos_emb_height", "pos_emb_height") or v.assume("init_pos_emb_height", 64, _WHY)
    columns = v.maybe("init_pos_emb_width", "pos_emb_width") or v.assume("init_pos_emb_width", 64, _WHY)
    embed = 3 * patch * patch * width + width + rows * columns * width
    layer = block(width, inner, norms=4, attention_bias=True, mlp_bias=True)
    kernel = v.counts("merge_kernel_size", low=1) or [2, 2]
    merged = width * kernel[0] * kernel[-1]
    projector = 2 * width + merged * merged + merged + merged * hidden + hidden
    return n * layer + embed + 2 * width + projector


def _pixtral(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    width, n = v.count("hidden_size"), v.count("num_hidden_layers", high=MAX_LAYERS)
    layer = block(width, v.count("intermediate_size"), norms=2, attention_bias=False, mlp_bias=False, gated=True)
    channels = v.count_or("num_channels", 3, _WHY)
    embed = channels * v.count("patch_size") ** 2 * width + width
    merge = root.count_or("spatial_merge_size", 2, _WHY)
    projector = width + merge * merge * width * width + width * hidden + hidden * hidden
    if root.flag("multimodal_projector_bias", False):
        projector += 2 * hidden
    return n * layer + embed + projector


def _mllama(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    width, inner, patch = v.count("hidden_size"), v.count("intermediate_size"), v.count("patch_size")
    local, wide = v.count("num_hidden_layers", high=MAX_LAYERS), v.count("num_global_layers", high=MAX_LAYERS)
    tiles, patches = v.count("max_num_tiles", high=1_000), (v.count("image_size") // patch) ** 2 + 1
    ratios = len(v.items("supported_aspect_ratios") or []) + 1
    layer = block(width, inner, norms=4, attention_bias=False, mlp_bias=True)
    tables = patches * width + ratios * tiles * width * (patches + 2) + 3
    embed = v.count("num_channels") * patch * patch * width + width + 4 * width
    projector = v.count("vision_output_dim") * hidden + hidden
    return (local + wide) * layer + 2 * wide + tables + embed + projector


_TOWERS = {
    "siglip_vision_model": _siglip,
    "gemma4_vision": _gemma4,
    "pixtral": _pixtral,
    "mllama_vision_model": _mllama,
}
_BY_MODEL = {
    **TOWERS_BY_MODEL,
    "qwen3_vl": _qwen,
    "qwen3_vl_moe": _qwen,
    "qwen3_5": _qwen,
    "qwen3_5_moe": _qwen,
    "qwen4_exp": _qwen,
    "kimi_k25": _moonvit,
}


# Parts beside the language model that are no vision tower: ears, voices, bridges.
_OTHER_PARTS = ("audio_config", "speech_config", "encoder_config", "qformer_config", "audio_encoder_config",
                "acoustic_tokenizer_encoder_config", "high_res_vision_config", "talker_config", "code2wav_config",
                "img_processor", "audio_processor", "perceiver_config")  # fmt: skip
# Families whose other parts are small, and said to be left out.
_SAID = ("gemma4", "gemma3n", "kimi_k25")


def _refuse(root: ConfigReader, part: str, kind: str) -> InputError:
    fix = "its weights take memory; give the file's text part alone, or a model of the catalogue"
    return InputError(part, kind or root.model_type, "of a kind that is read", fix)


# Pixels of the largest picture that the processors of these families take (preprocessor_config.json, longest_edge).
_MOST_PIXELS = 16_777_216


def vision_pass(root: ConfigReader) -> tuple[int, int]:
    """Elements that the tower's pass over its largest picture holds at once: whole on every GPU, and cut over them.

    The picture's patches, the stream and its norm; and of the MLP the inner tensor, before and after the activation.
    Towers that cut pictures to a size of their own need little beside the language model's pass: 0.
    """
    v = root.child("vision_config")
    if v is None or _BY_MODEL.get(root.model_type) is not _qwen:
        return 0, 0
    patch = v.count("patch_size")
    patches = _MOST_PIXELS // patch**2
    pixels = v.count("in_channels") * v.count_or("temporal_patch_size", 2, _WHY) * patch**2
    return patches * (pixels + 2 * v.count("hidden_size")), patches * 2 * v.count("intermediate_size")


def vision_params(root: ConfigReader, hidden_text: int) -> int:
    """Weights of the vision tower and its projector; InputError where a part beside the text is not known."""
    for part in _OTHER_PARTS:
        if root.has(part):
            other = root.child(part)
            if root.model_type not in _SAID:
                raise _refuse(root, part, (other.text("model_type") if other else None) or "")
            root.warn(f"{part}: its weights are not counted")
    tower = root.child("vision_config")
    if tower is None:
        return 0
    kind = tower.text("model_type") or ""
    count = _BY_MODEL.get(root.model_type) or _TOWERS.get(kind)
    if count is None:
        raise _refuse(root, "vision_config", kind)
    return count(tower, root, hidden_text)

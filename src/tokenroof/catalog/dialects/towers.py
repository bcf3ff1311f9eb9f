"""Vision towers of more families: Qwen2-VL and Qwen2.5-VL, GLM-4V, InternVL, CLIP under LLaVA, SigLIP under others.

Facts of the published implementations (transformers 5.24.0). Each counts tower and projector of one config.
"""

from tokenroof.catalog.dialects.reader import MAX_LAYERS, ConfigReader
from tokenroof.errors import InputError

__all__ = ["TOWERS_BY_MODEL", "block"]

_WHY = "class default of the tower"


def block(width: int, inner: int, *, norms: int, attention_bias: bool, mlp_bias: bool, gated: bool = False) -> int:
    """Weights of one encoder layer: four square projections, an MLP, `norms` vectors."""
    attention = 4 * width * width + (4 * width if attention_bias else 0)
    biases = (2 if gated else 1) * inner + width
    mlp = (3 if gated else 2) * width * inner + (biases if mlp_bias else 0)
    return attention + mlp + norms * width


def _patches(v: ConfigReader, width: int, *, bias: bool) -> int:
    """The convolution that makes patches of a video or an image."""
    channels = v.maybe("in_channels", "in_chans", "num_channels") or 3
    patch = v.count("patch_size")
    temporal = v.maybe("temporal_patch_size") or 1
    return channels * temporal * patch * patch * width + (width if bias else 0)


def _layers(v: ConfigReader) -> int:
    return v.count("depth", "num_hidden_layers", high=MAX_LAYERS)


def _qwen2(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    """Qwen2-VL: the tower's width is embed_dim, what it gives out hidden_size."""
    width = v.count("embed_dim")
    inner = width * (v.maybe("mlp_ratio") or 4)
    merged = width * (v.maybe("spatial_merge_size") or 2) ** 2
    layer = block(width, inner, norms=4, attention_bias=True, mlp_bias=True)
    merger = 2 * width + merged * merged + merged + merged * hidden + hidden
    return _layers(v) * layer + _patches(v, width, bias=False) + merger


def _qwen25(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    width, out = v.count("hidden_size"), v.maybe("out_hidden_size") or hidden
    merged = width * (v.maybe("spatial_merge_size") or 2) ** 2
    layer = block(width, v.count("intermediate_size"), norms=2, attention_bias=True, mlp_bias=True, gated=True)
    kv_heads, heads = v.maybe("num_key_value_heads"), v.maybe("num_heads")
    if kv_heads and heads:  # EXAONE 4.5 groups the tower's keys and values
        layer -= 2 * (width + 1) * width * (heads - kv_heads) // heads
    merger = width + merged * merged + merged + merged * out + out
    return _layers(v) * layer + _patches(v, width, bias=False) + merger


def _glm(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    """GLM-4V: patches are merged by a convolution, then gated once more in the width of the language model."""
    width, out = v.count("hidden_size"), v.maybe("out_hidden_size") or hidden
    wide = v.count("intermediate_size")
    layer = block(width, out, norms=2, attention_bias=v.flag("attention_bias", False), mlp_bias=False, gated=True)
    positions = (v.count("image_size") // v.count("patch_size")) ** 2 * width
    downsample = v.count("spatial_merge_size") ** 2 * width * out + out
    merger = out * out + 2 * out + 3 * out * wide
    return _layers(v) * layer + _patches(v, width, bias=True) + positions + downsample + merger + 2 * width


def _square(v: ConfigReader, name: str) -> tuple[int, int]:
    """A size given as one number or as a pair."""
    if v.is_list(name):
        values = v.counts(name, low=1) or [1]
        return values[0], values[-1]
    return v.count(name), v.count(name)


def _internvl(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    width, inner = v.count("hidden_size"), v.count("intermediate_size")
    (high, wide), (patch_h, patch_w) = _square(v, "image_size"), _square(v, "patch_size")
    layer = block(width, inner, norms=6, attention_bias=False, mlp_bias=True) + width
    layer += 3 * width if v.flag("attention_bias", v.flag("qkv_bias", False)) else 0
    if v.flag("use_qk_norm", v.flag("qk_normalization", False)):
        layer += 2 * width
    positions = ((high // patch_h) * (wide // patch_w) + 1) * width
    embed = 3 * patch_h * patch_w * width + width + positions + width
    merged = 4 * width
    projector = 2 * merged + merged * hidden + hidden + hidden * hidden + hidden
    return _layers(v) * layer + embed + projector


def _image_vit(v: ConfigReader, *, positions: bool = True) -> int:
    """SigLIP: patches, learnt positions, biased layers, a norm at the end; its pooling head where it is kept."""
    width, inner = v.count("hidden_size"), v.count("intermediate_size")
    layer = block(width, inner, norms=4, attention_bias=True, mlp_bias=True)
    table = (v.count("image_size") // v.count("patch_size")) ** 2 * width if positions else 0
    head = layer + width if v.flag("vision_use_head", False) else 0
    return _layers(v) * layer + _patches(v, width, bias=True) + table + 2 * width + head


def _two_linears(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    bias = 2 * hidden if root.flag("multimodal_projector_bias", True) else 0
    return v.count("hidden_size") * hidden + hidden * hidden + bias


def _clip(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    """LLaVA on CLIP: a class token, norms before and after the layers. Newer ones stand on SigLIP."""
    kind = v.text("model_type")
    if kind not in ("siglip_vision_model", "clip_vision_model"):
        raise InputError("vision_config.model_type", kind, "clip_vision_model or siglip_vision_model")
    if kind == "siglip_vision_model":
        return _image_vit(v) + _two_linears(v, root, hidden)
    width = v.count("hidden_size")
    # class token and its position, a norm before the layers; CLIP's patches have no bias
    return _image_vit(v) + 3 * width + _two_linears(v, root, hidden)


def _idefics3(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    factor = root.count_or("scale_factor", 2, _WHY)
    return _image_vit(v) + v.count("hidden_size") * factor * factor * hidden


def _video_llama3(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    return _image_vit(v, positions=False) + _two_linears(v, root, hidden)


def _cohere(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    """Pixels are shuffled into four times the width, then a gated projector."""
    factor, inner = root.count_or("downsample_factor", 2, _WHY), root.count("alignment_intermediate_size")
    shuffled = v.count("hidden_size") * factor * factor
    return _image_vit(v) + shuffled * inner + inner + inner // 2 * hidden + hidden


def _step(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    """Step-3.7: two convolutions of 3 x 3 halve the picture and double the width, then one projection."""
    # the class goes by the ratio, whatever intermediate_size says; its default is that of the published model
    width, given = v.count("hidden_size"), v.has("mlp_ratio")
    inner = int(width * (v.number("mlp_ratio", low=0.0, high=1_000.0) if given else 8960 / 1536))
    layer = block(width, inner, norms=6, attention_bias=True, mlp_bias=True)
    patch = v.count("patch_size")
    embed = 3 * patch * patch * width + (v.count("image_size") // patch) ** 2 * width + 2 * width
    down = 9 * (2 * width * width + 8 * width * width) + 2 * width + 4 * width
    return _layers(v) * layer + embed + down + 4 * width * hidden


def _minimax(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    """MiniMax-M3: two projections into the width of the language model, two more that merge patches."""
    width = v.count("hidden_size")
    layer = block(width, v.count("intermediate_size"), norms=4, attention_bias=True, mlp_bias=True)
    merge = v.count_or("spatial_merge_size", 2, _WHY) ** 2
    projector = width * hidden + (2 + merge) * hidden * hidden + 4 * hidden
    return _layers(v) * layer + _patches(v, width, bias=False) + 2 * width + projector


def _glm5(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    """GLM-5.3: as GLM-4V with query and key norms, biases, and a projector of its own width."""
    width, out, heads = v.count("hidden_size"), v.count("out_hidden_size"), v.count("num_heads")
    bias = v.flag("attention_bias", True)
    layer = block(width, v.count("intermediate_size"), norms=2, attention_bias=bias, mlp_bias=bias, gated=True)
    downsample = v.count("spatial_merge_size") ** 2 * width * out + out
    merger = out * out + 2 * out + 3 * out * v.count("projection_intermediate_size")
    return _layers(v) * (layer + 2 * (width // heads)) + _patches(v, width, bias=True) + downsample + merger + width


def _hunyuan(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    """Hy4: positions for the largest picture, patches merged by a convolution into the width it gives out."""
    width, out = v.count("hidden_size"), v.count("out_hidden_size")
    layer = block(width, v.count("intermediate_size"), norms=4, attention_bias=True, mlp_bias=True)
    positions = ((v.count("max_image_size") // v.count("patch_size")) ** 2 + 1) * width
    merged = v.count("spatial_merge_size") ** 2 * width
    merger = out + merged * out + out + out * hidden + hidden + width
    return _layers(v) * layer + _patches(v, width, bias=True) + positions + merger


def _muse(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    width, temporal = v.count("hidden_size"), v.maybe("patch_temporal") or 1
    layer = block(width, v.count("intermediate_size"), norms=4, attention_bias=True, mlp_bias=True)
    rows, columns = v.maybe("pos_emb_height") or 32, v.maybe("pos_emb_width") or 32
    embed = 3 * temporal * v.count("patch_size") ** 2 * width + rows * columns * width
    inner = root.count("projector_hidden_size")
    adapter = v.count("merge_size") ** 2 * width * inner + inner * inner + inner * hidden
    return _layers(v) * layer + embed + 4 * width + adapter


def _lfm(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    """SigLIP 2 with a fixed number of patches, which are shuffled into four times the width."""
    factor, inner = root.count_or("downsample_factor", 2, _WHY), root.count("projector_hidden_size")
    shuffled, bias = v.count("hidden_size") * factor * factor, root.flag("projector_bias", True)
    norm = 2 * shuffled if root.flag("projector_use_layernorm", True) else 0
    projector = shuffled * inner + inner * hidden + (inner + hidden if bias else 0) + norm
    positions = v.count("num_patches") * v.count("hidden_size")
    return _image_vit(v, positions=False) + positions + projector


def _inkling2(v: ConfigReader, root: ConfigReader, hidden: int) -> int:
    """Layers of two scaled branches over a learnt grid; four patches are merged before the projector."""
    width = v.count("hidden_size")
    inner = v.maybe("intermediate_size") or width * int(v.maybe("mlp_ratio") or 4)
    layer = block(width, inner, norms=6, attention_bias=True, mlp_bias=True)
    positions = (v.count("posemb_grid_size") ** 2 + 4) * width  # with the class, its position and the first norm
    merged, wide = width * v.count("spatial_merge_size") ** 2, v.count("projection_hidden_dim")
    bias = wide + hidden if v.flag("projector_bias", False) else 0
    return _layers(v) * layer + _patches(v, width, bias=False) + positions + (merged + hidden) * wide + bias


TOWERS_BY_MODEL = {
    **dict.fromkeys(("inkling2", "inkling2_loop"), _inkling2),
    "glm5_next": _glm5,
    "hy_v4_vl": _hunyuan,
    "muse_glimmer": _muse,
    "lfm2_vl": _lfm,
    "step3p7": _step,
    "minimax_m3_vl": _minimax,
    **dict.fromkeys(("qwen2_vl",), _qwen2),
    **dict.fromkeys(("qwen2_5_vl", "exaone4_5"), _qwen25),
    **dict.fromkeys(("glm4v", "glm4v_moe", "glm46v", "glmga"), _glm),
    **dict.fromkeys(("internvl", "internvl_chat"), _internvl),
    **dict.fromkeys(("llava", "vipllava", "llava_next", "llava_next_video", "llava_onevision", "deepseek_vl"), _clip),
    **dict.fromkeys(("idefics3", "smolvlm"), _idefics3),
    "video_llama_3": _video_llama3,
    "cohere2_vision": _cohere,
}

"""Keys of a config that no reader asked for: which of them could change shapes, and which cannot.

A key that nobody read is harmless only where it is known to be: numbers of the forward pass that change no
shape (rotary bases, dropout), settings of training and generation, token ids, other doors' bookkeeping.
"""

import re
from collections.abc import Mapping

__all__ = ["listed", "shown", "structural"]

# Whole names or parts of names, between ^ and $, of keys that change no tensor of the language model.
_HARMLESS = re.compile(
    r"^(?:"
    # bookkeeping, generation and training
    r"model_type|architectures|auto_map|_.*|transformers_version|dtype|torch_dtype|torchscript|id2label|label2id"
    r"|finetuning_task|problem_type|prefix|task_specific_params|tokenizer_class|tokenizer.*|use_cache|cache_implementation"
    r"|output_.*|return_.*|use_return_dict|is_decoder|is_encoder_decoder|add_cross_attention|cross_attention_hidden_size"
    r"|pruned_heads|tie_encoder_decoder|tf_legacy_loss|use_bfloat16|chunk_size_feed_forward|gradient_checkpointing"
    r"|.*(?:^|_)(?:token|eos|bos|pad|sep|mask|unk|eod|image|video|audio|im|text|text_start|text_end)_?(?:token)?_(?:id|ids|index)"
    r"|.*_token|.*_token_id|.*_ids|.*_placeholder|bad_words_ids|(?:min|max)_length|do_sample|temperature|top_k|top_p"
    r"|typical_p|early_stopping|num_beams|num_beam_groups|num_return_sequences|diversity_penalty|.*_penalty"
    r"|no_repeat_ngram_size|encoder_no_repeat_ngram_size|.*suppress_tokens|remove_invalid_values"
    r"|exponential_decay_length_penalty|pretraining_tp|ep_size|.*dropout.*|.*drop_?path.*|.*pdrop|.*_prob|.*jitter.*"
    r"|initializer_.*|init_.*|.*_init|.*_init_.*|.*_std|.*aux_loss.*|.*loss_coef.*|.*z_loss.*|seq_aux|.*_loss|.*loss_weight"
    r"|classifier_.*|num_labels|use_flash_attn.*|use_.*_kernels?|use_mem.*|attn_implementation|flash_attn|fused_.*"
    r"|use_fused_.*|.*_backend|.*_kernel_config|rescale_.*|residual_in_fp32|float32_.*|fp32_.*|.*_fp32(?:_.*)?|moe_router_dtype"
    r"|quantization_config|quantization|compression_config|expert_dtype|unsloth.*|mlx.*|license|language_model_only"
    r"|.*_sampling|seq_length|model_max_length|max_seq_len|max_sequence_length|max_position_embeddings|max_window_layers"
    r"|num_logits_to_keep|keys_to_ignore_at_inference|base_model_.*|seed|training_.*|use_parallel_.*|is_causal"
    # numbers of the forward pass that change no shape
    r"|.*rope.*|.*rotary.*|alibi|alibi_.*|.*mrope.*|position_embedding_type|original_max_position.*|initial_context_length"
    r"|original_max_.*|partial_.*factor|.*_theta|attn_factor|beta_fast|beta_slow|mscale.*|yarn.*|.*_eps|.*epsilon.*"
    r"|hidden_act|.*activation.*|.*_act|.*_act_fn|.*multiplier|.*_scale|.*_scaling.*|.*scaling_factor|.*scalar|.*softcap.*"
    r"|.*logit_cap.*|.*_alpha|.*_beta|alpha|clip_qkv|qkv_clip|.*_clip|.*_limit|.*capping.*|norm_topk_prob|moe_renormalize"
    r"|topk_group|n_group|num_expert_group|topk_method|scoring_func|score_func.*|.*routing_bias|use_routing_bias|norm_expert_weight|group_limited_greedy"
    r"|.*_gating_func.*|route_scale|router_scal.*|moe_router_.*|moe_apply_.*|moe_norm_min|num_hash_layers|swiglu_.*|hc_eps|hc_sinkhorn.*"
    r"|time_step_.*|dt_(?:min|max|limit).*|gate_lower_bound|.*_(?:alpha|beta)_factor|mamba_norm_before_gate|mamba_use_mlp|index_kpool_always_.*"
    r"|linear_(?:a_log|allow|dt)_.*|keep_window_size|summary_.*|use_associative_scan|use_mambapy|.*_std_dev|.*initializer_range"
    r"|dim_model_base|.*soft_cap|sparse_pred_.*|.*multipliers|max_relative_positions|.*_lower_bound|hc_magnitude|.*_combination_strategy|kda_safe_gate|expert_selection_fn|qk_scale_factor|attn_temperature_tuning|.*_temperature|log_scaling.*|legacy|slow_but_exact|.*chunk_size|use_bidirectional_attention|bidirectional.*|query_pre_attn_scalar|residual_scale.*"
    r"|layer_norm_type|norm_type|hidden_activation|mamba_hidden_act|use_rotary_pos_emb|logit_.*|.*_softcapping|tie_word_embeddings"
    r"|im_.*_id|full_attn_mod|interpolate_factor|qk_head_dim|index_(?:share|skip|topk_freq|topk_pattern).*|.*indexer_rope.*|mtp_.*|use_mtp|num_nextn_predict_layers"
    r"|moe_shared_expert_overlap|mtp_transformer_layers|rms_norm.*|norm_eps|.*_norm_eps|expert_capacity.*|.*capacity_factor"
    r"|moe_drop.*|moe_random.*|moe_token_.*|shared_moe_mode|postnorm|no_bias|scale_.*|normalize_.*|use_sliding_window"
    # beside the language model
    r"|vision_.*|audio_.*|.*_projector.*|projector_.*|.*vision_.*|.*image.*|.*video.*|.*audio.*|mm_.*|.*_vit_.*|vit_.*|anyres.*"
    r"|talker_.*|.*speech.*|multimodal.*|img_.*|ignore_index|.*pixel.*|spatial_.*|position_embedding_xdrope|xdrope.*"
    r"|(?:num_)?media_.*|projection_.*|class_num|pool_type|skip_cls_token|dense_list|add_classification_head|org_vocab_size"
    r")$"
)  # fmt: skip

# Parts of names of keys that change shapes, caches or what is read of them.
_STRUCTURAL = re.compile(
    r"sparse|index|window|layer_types|layer_type|block_types|pattern|hybrid|linear|moe|expert|(?:^|_)hc_|latent|per_layer"
    r"|mamba|ssm|state|conv|memory|shared|share|compress|lora|rank|_heads?$|_heads_|head_dim|_dim$|_dims$|_width$|_size$"
    r"|num_|n_layer|_layers|_layer_|interval|freq|period|offset|stride|qk_norm|_bias$|^bias|_norm$|gate|gating|sink|altup"
    r"|laurel|mixer|attn_type|attention_type|ffn|mlp|is_moe|recurrent|rnn|lru|delta|kda|retention|hash|engram|residual|tie_|block|kv_"
)  # fmt: skip
# Keys that a known family's own keys overrule: the head width of latent attention, the dense width where every layer
# has experts, a second way to say which layers are which.
_OVERRULED = frozenset((
    "block_size", "cla_share_factor", "compress_rates", "decoder_bias", "decoder_sparse_step",
    "dense_intermediate_size", "expand", "first_k_dense_replace", "full_attention_interval", "head_dim",
    "index_local_blocks", "interleave_moe_layer_step", "intermediate_size", "intermediate_size_mlp",
    "linear_attn_config.kda_layers", "linear_conv_kernel_dim", "linear_head_dim", "linear_num_heads",
    "mla_use_nope", "mlp_only_layers", "moe_layer_freq", "mtp_hidden_states_first", "n_shared_experts", "norm_head",
    "num_attention_heads", "num_hash_layers", "num_key_value_heads", "num_kv_heads", "parallel_attn",
    "pooler_hidden_size", "prefix_dense_sliding_window_pattern", "qk_nope_head_dim", "qk_norm_type", "use_qk_norm",
    "vocab_size_per_layer_input",
))  # fmt: skip
_MOST_LISTED = 12


def _harmless(key: str) -> bool:
    """Whether an unread key is known to change no shape."""
    return any(_HARMLESS.match(part) for part in (key.partition(".")[0], key.rpartition(".")[2]))


def _off(key: str, value: object) -> bool:
    """Whether the value says that a feature is not used; a switch by the name of is_... always says something."""
    name = key.rpartition(".")[2]
    return not name.startswith("is_") and value in (None, False, 0, "", [], {})


def _uniform(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(item == value[0] for item in value)


def listed(unread: Mapping[str, object], *, known: bool) -> tuple[str, ...]:
    """Unread keys that are not known to be harmless, in file order.

    Of a known family those are left out that its other keys overrule, and lists that say the same of every layer.
    """
    found = tuple(key for key, value in unread.items() if not _harmless(key) and not _off(key, value))
    return tuple(k for k in found if k not in _OVERRULED and not _uniform(unread[k])) if known else found


def structural(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the listed keys whose names stand for shapes, caches or their placement."""
    return tuple(key for key in keys if _STRUCTURAL.search(key))


def shown(keys: tuple[str, ...]) -> str:
    """Keys for a one-line message."""
    return ", ".join(keys[:_MOST_LISTED]) + (
        f" and {len(keys) - _MOST_LISTED} more" if len(keys) > _MOST_LISTED else ""
    )

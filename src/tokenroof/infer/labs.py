"""Who trained a model, and what else that lab does: small models are what companies with another business give away."""

from functools import lru_cache

from tokenroof.catalog.offers.history import is_lab, lives_on_models, sells_own
from tokenroof.catalog.offers.index import list_offers

__all__ = ["is_product", "lab_of"]

# who trained the weights, by the start of an id: a lab, not a host, is what a case belongs to
_LABS = {
    "apertus": "Swiss AI", "aya": "Cohere", "codellama": "Meta", "codestral": "Mistral", "command": "Cohere",
    "dbrx": "Databricks", "deepseek": "DeepSeek", "ernie": "Baidu", "gemma": "Google", "glm": "Zhipu",
    "gpt-oss": "OpenAI", "granite": "IBM", "grok": "xAI", "hunyuan": "Tencent", "hy3": "Tencent", "jamba": "AI21",
    "kimi": "Moonshot", "ling": "Ant", "llama": "Meta", "llama-3.3-nemotron": "NVIDIA", "longcat": "Meituan",
    "mimo": "Xiaomi", "minimax": "MiniMax", "ministral": "Mistral", "mistral": "Mistral", "mpt": "Databricks",
    "nemotron": "NVIDIA", "olmo": "AllenAI", "phi": "Microsoft", "qwen": "Alibaba", "snowflake": "Snowflake",
    "solar": "Upstage", "step": "StepFun", "yi": "01.AI",
}  # fmt: skip


def lab_of(model_id: str) -> str:
    """Who trained the weights: the longest start of an id that is known."""
    starts = [start for start in _LABS if model_id.startswith(start)]
    return _LABS[max(starts, key=len)]


@lru_cache(maxsize=1)
def _on_sheets() -> frozenset[str]:
    """Open weights of the snapshot that their lab sells."""
    return frozenset(
        offer.model for offer in list_offers() if offer.model and is_lab(offer.seller, lab_of(offer.model))
    )


@lru_cache(maxsize=512)
def is_product(model_id: str) -> bool:
    """Whether the lab lives on its models and sells this one itself."""
    lab = lab_of(model_id)
    return bool(lives_on_models(lab)) and (sells_own(model_id, lab) or model_id in _on_sheets())

"""How engines are written for people."""

__all__ = ["ENGINE_NAMES"]

ENGINE_NAMES = {"vllm": "vLLM", "sglang": "SGLang", "trtllm": "TensorRT-LLM", "none": "no engine"}

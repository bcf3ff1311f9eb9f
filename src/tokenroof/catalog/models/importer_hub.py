"""Fetching a config.json from the Hugging Face hub, only when the user asks for the network."""

import logging
from pathlib import Path

from tokenroof.errors import InputError

__all__ = ["fetch_config"]

_FIX_EXTRA = "pip install 'tokenroof[hub]'"


def fetch_config(repo_id: str) -> tuple[Path, str]:
    """Download config.json (and hf_quant_config.json where there is one); its path and the commit it is of.

    Every failure is one InputError: the extra is missing, there is no network, no such repository, no access.
    """
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError
    except ImportError:
        raise InputError("online", repo_id, "used where huggingface_hub is installed", _FIX_EXTRA) from None
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # its retries would fill the screen
    try:
        path = Path(hf_hub_download(repo_id, "config.json"))
    except Exception as error:  # the hub client raises a dozen kinds, its transport more
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        if type(error).__name__ == "LocalEntryNotFoundError":  # what the client makes of every lost connection
            reason = "no network, or the hub does not answer"
        raise InputError("online", repo_id, "a repository that can be reached", reason) from None
    try:
        hf_hub_download(repo_id, "hf_quant_config.json")
    except EntryNotFoundError:
        pass
    except Exception as error:
        reason = f"hf_quant_config.json: {type(error).__name__}"
        raise InputError("online", repo_id, "a repository that can be reached", reason) from None
    return path, path.parent.name

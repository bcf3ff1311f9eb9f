"""Serving engines: one file each, one line each in ENGINES.

engine(name, version)         the record of an engine, by its name or an alias
engine_in(text, ...)          the engine that a table's free text names, at the version that its row means
ENGINES                       every engine by name
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from tokenroof.engines.llamacpp import LLAMACPP
from tokenroof.engines.none import NONE
from tokenroof.engines.sglang import SGLANG
from tokenroof.engines.trtllm import TRTLLM
from tokenroof.engines.vllm import VLLM
from tokenroof.errors import UnknownName
from tokenroof.registry import nearest
from tokenroof.types.engine import Engine, Generation

__all__ = ["ENGINES", "LAUNCHED", "engine", "engine_in", "generation_of"]

ENGINES: Mapping[str, Engine] = {
    one.name: one
    for one in (
        VLLM,
        SGLANG,
        TRTLLM,
        LLAMACPP,
        NONE,
    )
}
LAUNCHED = tuple(one.name for one in ENGINES.values() if one.launcher is not None)
_BY_WORD = {word: one for one in ENGINES.values() for word in (one.name, *one.aliases)}


def engine(name: str, version: str = "") -> Engine:
    """An engine by its name or an alias, at a version; a blank or unknown version is the newest."""
    found = _BY_WORD.get(name) or _BY_WORD.get(name.strip().lower())
    if found is None:
        raise UnknownName("engine", name, nearest(name, ENGINES), fix=f"known are {', '.join(ENGINES)}")
    return replace(found, version=version) if version else found


def engine_in(text: str, version: str = "", *, date: str = "", source: str = "") -> Engine | None:
    """The engine that free text names, such as `vLLM v0.9.2` or `TRT-LLM + Triton`; None where it names none.

    Without a version it is at the newest generation that existed when the run was made.
    """
    words = text.lower()
    for one in ENGINES.values():
        if any(re.search(rf"(?<![a-z0-9]){re.escape(alias)}(?![a-z])", words) for alias in one.aliases):
            stated = re.search(one.version_words, words) if one.version_words and not version else None
            version = version or (stated[1] if stated else "")
            return replace(one, version=version or _undated(one, words, date, source.lower()).version)
    return None


def generation_of(name: str, generation: str) -> Generation:
    """A generation of an engine by its name."""
    return engine(name).of_generation(generation).generation


def _undated(one: Engine, words: str, date: str, source: str) -> Generation:
    """The generation of a run that leaves the version out."""
    for generation in one.generations:
        if any(mark in words for mark in generation.marks) or any(part in source for part in generation.sources):
            return generation
    return [each for each in one.generations if not date or date >= each.since][-1]

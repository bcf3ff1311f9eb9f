"""From the command or the manifest that started a server to what it serves with. Nothing is run and no file is opened.

launched(text)     Deployed, and the flags of it that nobody here knows
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from tokenroof.engines import sglang_flags, trtllm_flags, vllm_flags
from tokenroof.engines.argv import Options, options_of, words_of
from tokenroof.errors import InputError, MissingExtra
from tokenroof.types.benchmark import Deployed
from tokenroof.types.run import Role

__all__ = ["launched"]

_HEREDOC = re.compile(r"cat\s*>+\s*(\S+)\s*<<-?\s*'?\"?(\w+)'?\"?[ \t]*\n(.*?)\n[ \t]*\2[ \t]*(?=\n|$)", re.DOTALL)
_MANIFEST = re.compile(r"^[ \t-]*(?:args|command|image|containers|services)[ \t]*:", re.MULTILINE)
_VERSION = re.compile(r":v?(\d+\.\d+(?:\.\d+)?)")
_IMAGES = (("vllm", "vllm"), ("sglang", "sglang"), ("tensorrt-llm", "trtllm"), ("tensorrtllm", "trtllm"))
_MOST_NODES = 50_000  # of a manifest
_MANY = 50
_STARTS = ("vllm serve", "api_server", "sglang", "trtllm-")  # of a script in one word


@dataclass(frozen=True, slots=True)
class _Flags:
    flags: Mapping[str, str]
    switches: frozenset[str]
    deployed: Callable[[Options, str], Deployed]


_ENGINES = {
    "vllm": _Flags(vllm_flags.FLAGS, vllm_flags.SWITCHES, vllm_flags.deployed),
    "sglang": _Flags(sglang_flags.FLAGS, sglang_flags.SWITCHES, sglang_flags.deployed),
    "trtllm": _Flags(trtllm_flags.FLAGS, trtllm_flags.SWITCHES, trtllm_flags.deployed),
}
_MODULES = {"vllm.entrypoints.openai.api_server": "vllm", "sglang.launch_server": "sglang"}
_PROGRAMS = {"trtllm-serve": "trtllm", "trtllm-bench": "trtllm"}
_ROLES = {"prefill": "prefill", "decode": "decode", "kv_producer": "prefill", "kv_consumer": "decode",
          "context": "prefill", "generation": "decode"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Worker:
    deployed: Deployed
    role: str
    copies: int
    unknown: tuple[str, ...]


def _launcher(words: list[str]) -> tuple[str, int, str] | None:
    """(engine, place of its first argument, version) of a command; the image of a container may say the engine too."""
    version, image = "", None
    for place, word in enumerate(words):
        name = PurePosixPath(word).name
        following = words[place + 1] if place + 1 < len(words) else ""
        if name in ("vllm", "sglang") and following == "serve":
            return name, place + 2, version
        if word in _MODULES:
            return _MODULES[word], place + 1, version
        if name in _PROGRAMS:
            return _PROGRAMS[name], place + 1 + (following == "serve"), version
        if image is None and not word.startswith("-") and re.fullmatch(r"[\w./-]+(?::[\w.-]+)?", word):
            engine = next((to for part, to in _IMAGES if part in word.lower() and ("/" in word or ":" in word)), None)
            if engine is not None and place < len(words) - 1:
                image, found = (engine, place + 1), _VERSION.search(word)
                version = found[1] if found else ""
    return None if image is None else (*image, version)


def _role(found: Options) -> str:
    word = found.text("role") or str(found.part("transfer").get("kv_role", "") if "transfer" in found.values else "")
    return _ROLES.get(word.strip().lower(), "both")


def _worker(words: list[str], files: Mapping[str, str], copies: int = 1) -> _Worker | None:
    start = _launcher(words)
    if start is None:
        return None
    engine, place, version = start
    known = _ENGINES[engine]
    found = options_of(words[place:], known.flags, known.switches)
    if engine == "trtllm" and found.text("file"):
        inside = files.get(PurePosixPath(found.text("file")).name)
        if inside is None:
            found.unknown.append(f"what {found.text('file')[:60]} says")
        else:
            found = trtllm_flags.with_file(found, _mapping(inside))
    loose = [word for word in found.loose if word not in ("throughput", "latency", "serve")]
    checkpoint = found.text("model") or (loose[0] if loose else "")
    made = known.deployed(found, "" if "$" in checkpoint else checkpoint[:200])
    role = _role(found)
    return _Worker(replace(made, engine_version=version), role, copies, tuple(found.unknown))


def _yaml(text: str) -> list[Any]:
    try:
        import yaml
    except ModuleNotFoundError:
        raise MissingExtra("a launch manifest", "formats") from None
    try:
        return list(yaml.load_all(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else " ".join(str(error).split())[:120]
        raise InputError("server_cmd", text[:40], "a launch command or a YAML manifest", reason) from None


def _mapping(text: str) -> dict[str, Any]:
    found = _yaml(text)
    return found[0] if found and isinstance(found[0], dict) else {}


def _nodes(roots: list[Any]) -> Iterator[tuple[dict[Any, Any], int]]:
    """Mappings of a manifest with the replicas that stand above them. A mapping that is named twice is seen once."""
    stack: list[tuple[Any, int]] = [(root, 1) for root in reversed(roots)]
    seen = set[int]()
    while stack and len(seen) < _MOST_NODES:
        node, copies = stack.pop()
        if not isinstance(node, dict | list) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, dict):
            stated = node.get("replicas")
            copies = stated if isinstance(stated, int) and 1 <= stated <= 100_000 else copies
            yield node, copies
        children = node.values() if isinstance(node, dict) else node
        stack.extend((child, copies) for child in reversed(list(children)))


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(one) for one in value if isinstance(one, str | int | float)] if isinstance(value, list) else []


def _commands(node: Mapping[Any, Any]) -> list[list[str]]:
    """Commands of a container: lists of words, or shell scripts in one of them. Its image stands before the words."""
    image = node.get("image")
    parts: list[str] = []
    for key in ("command", "args"):
        value = node.get(key)
        said = _strings(value)
        scripts = [one for one in said if "\n" in one or " " in one.strip()]
        if isinstance(value, str) or any(name in one for one in scripts for name in _STARTS):
            commands = [words for one in scripts or said for words in words_of(one)]
            return [[*_strings(image), *words] for words in commands if _launcher(words) is not None]
        parts += said
    return [[*_strings(image), *parts]] if parts else []


def _workers(text: str) -> list[_Worker]:
    files = {PurePosixPath(one[1].strip("'\"")).name: one[3] for one in _HEREDOC.finditer(text)}
    bare = _HEREDOC.sub("\n", text)
    found = [] if _MANIFEST.search(bare) else [_worker(words, files) for words in words_of(bare)]
    if not any(found) and _MANIFEST.search(bare):
        nodes = _nodes(_yaml(bare))
        found = [_worker(words, files, copies) for node, copies in nodes for words in _commands(node)]
    return [one for one in found if one is not None]


def launched(text: str) -> tuple[Deployed, tuple[str, ...]]:
    """What a command, a script or a manifest says of the deployment, and its flags that are not known.

    Workers that only prefill and workers that only decode are one deployment.
    """
    workers = _workers(text)
    if not workers:
        known = "vllm serve, sglang.launch_server, trtllm-serve, or a manifest with one of them"
        raise InputError("server_cmd", text.strip()[:60], f"a launch command: {known}")
    unknown = tuple(dict.fromkeys(word for one in workers for word in one.unknown))[:_MANY]
    front = [one for one in workers if one.role == "prefill"]
    back = [one for one in workers if one.role == "decode"]
    if front and back:
        return _apart(front, back), unknown
    first = workers[0]
    others = sum(one.deployed != first.deployed for one in workers)
    return first.deployed, (*unknown, *((f"{others} other commands",) if others else ()))


def _apart(front: list[_Worker], back: list[_Worker]) -> Deployed:
    one, other = front[0].deployed, back[0].deployed
    role = Role(
        tp=one.tp or 1, pp=one.pp or 1, ep=one.ep or 1, dp=one.dp or 1, workers=sum(each.copies for each in front)
    )  # fmt: skip
    workers = sum(each.copies for each in back)
    gpus = None if other.gpus is None else other.gpus * workers + role.each * role.workers
    budget = one.max_batched_tokens or other.max_batched_tokens
    return replace(other, prefill=role, decode_workers=workers, gpus=gpus, max_batched_tokens=budget)

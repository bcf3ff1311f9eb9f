"""Files that a page was given: kept under names of our own in a private folder, and named by an id in requests."""

import re
import secrets
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenroof.catalog.models.index import find_id
from tokenroof.errors import InputError, UnknownName
from tokenroof.web.problems import Problem

__all__ = ["ENDINGS", "MOST_BYTES", "Uploads", "looks_like_a_path", "with_files"]

ENDINGS = (".csv", ".json", ".jsonl", ".log", ".toml", ".txt")
MOST_BYTES = 64_000_000
_MOST_FILES = 16
_CALLED = "upload"
_ID = re.compile(r"upload:[A-Za-z0-9_-]{22}")
_PATH = re.compile(
    r"^[/~.]|\\|\0|\.\.|^[A-Za-z]:|\.(csv|gz|json|jsonl|log|parquet|toml|txt|yaml|zip)(#|$)", re.IGNORECASE
)
_MODELS = ("model", "models", "draft")


class Uploads:
    """The newest files, at most sixteen. The folder is made with the first of them and goes with `close`."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._files: OrderedDict[str, Path] = OrderedDict()

    def keep(self, content: bytes, ending: str) -> str:
        """The id of a file from now on. Its own name is never used."""
        if ending not in ENDINGS:
            raise InputError("ending", ending, f"one of {', '.join(ENDINGS)}")
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="tokenroof-"))  # for its owner alone
        name = secrets.token_urlsafe(16)
        own = self._folder / secrets.token_hex(16)
        own.mkdir()
        path = own / f"{_CALLED}{ending}"  # what answers call it: nobody reads a random name
        path.write_bytes(content)
        self._files[f"upload:{name}"] = path
        while len(self._files) > _MOST_FILES:
            _, oldest = self._files.popitem(last=False)
            shutil.rmtree(oldest.parent, ignore_errors=True)
        return f"upload:{name}"

    def path(self, upload: str) -> Path:
        """Where a file is; a problem where it is not kept any more."""
        found = self._files.get(upload)
        if found is None:
            raise Problem(404, f"{upload}: no such upload; the newest {_MOST_FILES} are kept, drop the file again")
        return found

    def close(self) -> None:
        """Remove every file."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def looks_like_a_path(text: str) -> bool:
    """Whether the command line would take it for a file."""
    return bool(_PATH.search(text.strip()))


def _text(field: str, text: str, uploads: Uploads) -> str:
    if _ID.fullmatch(text):
        return str(uploads.path(text))
    if looks_like_a_path(text):
        raise InputError(field, text, "a name or an upload: files of this machine are not read", "upload it")
    if field == "system" and "/" in text:
        raise UnknownName("system", text[:80], (), "or upload its TOML file")
    if field in _MODELS and find_id(text) is None:
        from tokenroof.catalog.models.index import known_names
        from tokenroof.registry import nearest

        raise UnknownName("model", text[:80], nearest(text[:80], known_names()), "or upload its config.json")
    return text


def with_files(data: Mapping[str, Any], uploads: Uploads) -> dict[str, Any]:
    """A request with the paths of uploads in the place of their ids; InputError where it names a path itself."""

    def filled(field: str, value: Any) -> Any:
        if isinstance(value, str):
            return _text(field, value, uploads)
        if isinstance(value, Mapping):
            return {name: filled(str(name), item) for name, item in value.items()}
        return [filled(field, item) for item in value] if isinstance(value, list) else value

    return {name: filled(str(name), value) for name, value in data.items()}

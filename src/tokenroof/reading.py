"""Files are read here and nowhere else: regular ones, up to a size that is said. A test looks for other places.

read_bytes(path), read_text(path)      a whole file of at most `most` bytes
first_bytes(path, count)               how a file begins
parse_toml(text, where)                TOML of a few levels as plain data
parse_json(text, where)                JSON of a few levels as plain data
json_at(text, place)                   the JSON value that begins there, of several in a text
read_toml(path), read_json(path)       both in one
with opened(path) as file: ...         text that is streamed, unpacked where it is gzip
lines(file, path, longest)             its lines, none longer than `longest`
expanded(path)                         a path with its ~ as a folder

What a file is and how large is InputError, under the name of the `field`; what it holds is InputError too, or FileError
where it is streamed.
"""

import contextlib
import gzip
import io
import json
import os
import re
import stat
import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from tokenroof.errors import FileError, InputError

__all__ = [
    "MOST_BYTES",
    "expanded",
    "first_bytes",
    "is_file",
    "is_folder",
    "json_at",
    "lines",
    "opened",
    "parse_json",
    "parse_toml",
    "read_bytes",
    "read_json",
    "read_text",
    "read_toml",
    "regular",
    "within",
]  # fmt: skip

MOST_BYTES = 1_000_000  # of a file that is held whole, where its kind has no limit of its own
_MOST_DEPTH = 64  # levels of JSON: no file of ours needs more, and readers of data go down by calling themselves
# A dotted key of this depth: no file needs one, and the TOML reader takes time that grows with its square.
_DECODER = json.JSONDecoder()
_DEEP_KEY = re.compile(r"""(?:(?:(?<![\w-])[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""")
_GZIP = b"\x1f\x8b"
# Text packs to a fifth or a tenth of its size; more than a hundredth is one line over and over.
_MOST_RATIO = 100
_FREE_BYTES = 64_000_000  # unpacked, whatever the ratio


def expanded(path: str | os.PathLike[str], field: str = "file") -> Path:
    """The path with `~` and `~user` as folders; InputError where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(
            field, str(path), "a path", "there is no such user: write ./~ for a name that begins so"
        ) from None


def is_file(path: Path) -> bool:
    """Whether a file is there; False for a name longer than any system takes, where Path.is_file raises."""
    return os.path.isfile(path)


def is_folder(path: Path) -> bool:
    """The same of a folder."""
    return os.path.isdir(path)


def regular(path: Path, field: str = "file") -> os.stat_result:
    """What is known of a regular file; InputError for all that is none, before anything is read."""
    shown = str(path)
    try:
        found = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or "not a usable path"
        raise InputError(field, shown, "a file that can be read", reason) from None
    if stat.S_ISDIR(found.st_mode):
        raise InputError(field, shown, "a file", "this is a directory")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(field, shown, "a regular file", "a pipe or device is not read: write it to a file first")
    return found


def first_bytes(path: Path, count: int, field: str = "file") -> bytes:
    """How a regular file begins, whatever its size."""
    regular(path, field)
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise InputError(field, str(path), "a file that can be read", error.strerror or "") from None


def read_bytes(path: Path, field: str = "file", most: int = MOST_BYTES, fix: str = "") -> bytes:
    """A whole file of at most `most` bytes; `fix` says what to do about a larger one."""
    size = regular(path, field).st_size
    try:
        if size <= most:
            with path.open("rb") as file:
                data = file.read(most + 1)  # a file may grow, and some say that they hold nothing
            size = len(data)
    except OSError as error:
        raise InputError(field, str(path), "a file that can be read", error.strerror or "") from None
    if size > most:
        raise InputError(
            field, str(path), f"at most {most:,} bytes", f"it holds {size:,}" + (f"; {fix}" if fix else "")
        )
    return data


def read_text(path: Path, field: str = "file", most: int = MOST_BYTES, fix: str = "") -> str:
    """The text of a whole file, without the mark that some editors put before it."""
    data = read_bytes(path, field, most, fix)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(field, str(path), "UTF-8 text", f"byte {error.start} is not") from None


def parse_toml(text: str, where: str, field: str = "spec file") -> dict[str, Any]:
    """TOML as plain data; InputError with the line for what is not TOML."""
    if _DEEP_KEY.search(text):
        raise InputError(field, where, "a TOML file of a few levels", "a key in it has more than 32 parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError(field, where, "a TOML file of a few levels", "it is nested too deep") from None
    except ValueError as error:
        raise InputError(field, where, "a TOML file", " ".join(str(error).split())[:200]) from None


def parse_json(text: str, where: str, field: str = "file", most_depth: int = _MOST_DEPTH, pairs: Any = None) -> Any:
    """JSON as plain data; `pairs` makes an object of its keys and values."""
    try:
        data = json.loads(text, object_pairs_hook=pairs)
    except RecursionError:
        raise InputError(field, where, f"JSON nested at most {most_depth} deep") from None
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise InputError(field, where, "valid JSON", f"{at}; is the file cut off?") from None
    except InputError:
        raise
    except ValueError:  # an integer of thousands of digits
        raise InputError(field, where, "JSON with numbers of a sane length") from None
    if not within(data, most_depth):
        raise InputError(field, where, f"JSON nested at most {most_depth} deep")
    return data


def json_at(text: str, place: int, most_depth: int = _MOST_DEPTH) -> tuple[Any, int, str]:
    """(data, place behind it, blank) of the JSON value that begins at a place of a text, or why there is none."""
    try:
        found, end = _DECODER.raw_decode(text, place)
    except RecursionError:
        return None, place, f"nested more than {most_depth} deep"
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}: {error.msg}"
        return None, place, f"no whole JSON at {at}; is the file cut off?"
    except ValueError:
        return None, place, "a number of thousands of digits"
    return found, end, "" if within(found, most_depth) else f"nested more than {most_depth} deep"


def within(value: object, levels: int) -> bool:
    """Whether plain data is nested at most so many levels deep."""
    level: list[object] = [value]
    for _ in range(levels):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
        if not level:
            return True
    return False


def read_toml(path: Path, field: str = "file", most: int = MOST_BYTES) -> dict[str, Any]:
    """A TOML file as plain data."""
    return parse_toml(read_text(path, field, most), str(path), field)


def read_json(path: Path, field: str = "file", most: int = MOST_BYTES) -> Any:
    """A JSON file as plain data."""
    return parse_json(read_text(path, field, most), str(path), field)


class _Unpacked(io.RawIOBase):
    """A gzip file that stops where it holds far more than its size lets expect: a bomb, not text."""

    def __init__(self, packed: BinaryIO, path: Path, size: int) -> None:
        self._file, self._path = gzip.GzipFile(fileobj=packed), path
        self._most = max(_FREE_BYTES, _MOST_RATIO * size)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        data = self._file.read1(len(buffer))
        if self._file.tell() > self._most:
            reason = f"unpacks to more than {_MOST_RATIO} times its size; gunzip it first if that is meant"
            raise FileError(str(self._path), 0, reason)
        buffer[: len(data)] = data
        return len(data)


@contextlib.contextmanager
def opened(path: Path, field: str = "file", errors: str = "surrogateescape") -> Iterator[TextIO]:
    """The file as text, unpacked where it is gzip; every way in which it cannot be read is one error."""
    size = regular(path, field).st_size
    try:
        with path.open("rb") as plain:
            packed = plain.read(len(_GZIP)) == _GZIP
            plain.seek(0)
            raw: Any = io.BufferedReader(_Unpacked(plain, path, size), 1 << 17) if packed else plain
            yield io.TextIOWrapper(raw, encoding="utf-8-sig", errors=errors, newline="")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileError(str(path), 0, f"a broken gzip file: {str(error)[:80]}") from None
    except UnicodeDecodeError as error:
        raise FileError(str(path), 0, f"not UTF-8 text: {str(error)[:80]}") from None
    except FileError:
        raise
    except OSError as error:
        raise FileError(str(path), 0, error.strerror or "cannot be read") from None


def lines(file: TextIO, path: str, longest: int) -> Iterator[str]:
    """The lines of a file; one of more than `longest` characters is a FileError: it would be held whole."""
    number = 0
    while line := file.readline(longest):
        number += 1
        if len(line) == longest and not line.endswith("\n"):
            raise FileError(path, number, f"a line longer than {longest:,} characters")
        yield line

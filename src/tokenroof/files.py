"""Files are written whole or not at all: to a hidden neighbour first, which is then renamed into place.

put(path, text)                  text (UTF-8, line ends as given) or bytes; InputError where it cannot be
with beside(path) as part: ...   for a writer of its own: what it left in `part` takes its place at the end
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tokenroof.errors import InputError

__all__ = ["PART", "beside", "part_of", "put", "unwritable"]

PART = ".part"  # ends names that begin with a dot: no reader takes them for data, whatever it looks for


def part_of(path: Path) -> Path:
    """The neighbour that is written first. InputError for a path that names no file, such as an empty one."""
    if not path.name:
        raise InputError("output file", str(path), "the name of a file")
    return path.with_name(f".{path.name}{PART}")


@contextlib.contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A neighbour to write to: renamed to `path` where the block ends well, removed where it does not."""
    part = part_of(path)
    try:
        yield part
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> InputError:
    """What a caller is told when a file cannot be written."""
    return InputError("output file", str(path), "a writable path", error.strerror or "cannot be written")


def put(path: Path, content: str | bytes) -> None:
    """Write a whole file or nothing."""
    try:
        with beside(path) as part:
            part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    except OSError as error:
        raise unwritable(path, error) from None

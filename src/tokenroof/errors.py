"""Everything tokenroof raises on purpose.

    TokenroofError
      InputError(field, value, limit, fix)    a value that cannot be used            exit 2
        InputFaults(faults, where)            several of them, all told at once      exit 2
        InputTypeError                        a value of the wrong kind              exit 2
      UnknownName(kind, name, suggestions)    no such model, system, formula ...     exit 2
      DataMissing(entity, field, where)       a figure nobody recorded: never filled exit 2
      UnitError                               units that do not parse or do not fit  exit 2
      FileError(path, line, reason)           a file that cannot be read or used     exit 2
      InfeasibleError(reason, fixes)          a script asked and it does not fit     exit 1
      MissingExtra(feature, extra)            an optional package is not installed   exit 2

A configuration that does not fit a machine is an answer, not an error: see types.results.
"""

from collections.abc import Iterable

__all__ = [
    "DataMissing", "FileError", "InfeasibleError", "InputError", "InputFaults", "InputTypeError", "MissingExtra",
    "TokenroofError", "UnitError", "UnknownName",
]  # fmt: skip


class TokenroofError(Exception):
    """Root of the tree; the message is one line fit to show a user (of InputFaults: one line a fault)."""


def _shown(value: object, width: int = 60) -> str:
    try:
        text = " ".join(repr(value).split())
    except (ValueError, RecursionError):  # an integer of thousands of digits, data nested without end
        text = f"a {type(value).__name__} too long to show"
    return text if len(text) <= width else text[: width - 3] + "..."


class InputError(TokenroofError, ValueError):
    """A value that cannot be used: which field, what it was, what is allowed, how to mend it.

    `value` is `...` where a value had to be given and none was.
    """

    def __init__(self, field: str, value: object, limit: str, fix: str = "") -> None:
        self.field, self.value, self.limit, self.fix = field, value, limit, fix
        message = f"{field}: must be {limit}" if value is ... else f"{field} = {_shown(value)}: must be {limit}"
        super().__init__(f"{message}; {fix}" if fix else message)


class InputTypeError(InputError, TypeError):
    """A value of the wrong kind: text for a number, nothing where something is needed, not a number."""


_MOST_LINES = 20


class InputFaults(InputError):
    """All faults of one input, a line each; field, value, limit and fix are those of the first."""

    def __init__(self, faults: "Iterable[InputError]", where: str = "") -> None:
        self.faults, self.where = tuple(faults), where
        first = self.faults[0]
        self.field, self.value, self.limit, self.fix = first.field, first.value, first.limit, first.fix
        lines = [f"{where}: {fault}" if where else str(fault) for fault in self.faults[:_MOST_LINES]]
        if len(self.faults) > _MOST_LINES:
            lines.append(f"and {len(self.faults) - _MOST_LINES} more")
        ValueError.__init__(self, "\n".join(lines))


def faults_of(error: InputError) -> tuple[InputError, ...]:
    """The faults that an error tells of, in the order of the input: several, or itself alone."""
    return error.faults if isinstance(error, InputFaults) else (error,)


class UnknownName(TokenroofError, LookupError):
    """A name that the catalogue or registry does not know, with the nearest ones it does."""

    def __init__(self, kind: str, name: str, suggestions: Iterable[str] = (), fix: str = "") -> None:
        self.kind, self.name, self.suggestions, self.fix = kind, name, tuple(suggestions), fix
        near = f"; nearest: {', '.join(self.suggestions)}" if self.suggestions else ""
        super().__init__(f"unknown {kind} {_shown(name)}{near}" + (f"; {fix}" if fix else ""))


class DataMissing(TokenroofError, LookupError):
    """A figure that no source gives. tokenroof raises this instead of inventing one."""

    def __init__(self, entity: str, field: str, where: str = "", fix: str = "") -> None:
        self.entity, self.field, self.where = entity, field, where
        message = f"{entity} has no {field}" + (f" ({where})" if where else "")
        super().__init__(f"{message}; {fix}" if fix else message)


class UnitError(TokenroofError, ValueError):
    """Units that do not parse, or quantities that cannot be added or compared."""


class FileError(TokenroofError, OSError):
    """A file that cannot be read or used; `line` is 0 where no one line is to blame."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        self.path, self.line, self.reason = str(path), line, reason
        super().__init__(f"{self.path}:{line}: {reason}" if line else f"{self.path}: {reason}")


class InfeasibleError(TokenroofError):
    """What an answer raises for scripts that would rather stop than look whether it fits."""

    def __init__(self, reason: str, fixes: Iterable[str] = ()) -> None:
        self.reason, self.fixes = reason, tuple(fixes)
        super().__init__(f"{reason}; what would fit: {', '.join(self.fixes)}" if self.fixes else reason)


class MissingExtra(TokenroofError, ImportError):
    """A feature that needs a package which is not installed, and the extra that brings it."""

    def __init__(self, feature: str, extra: str) -> None:
        self.feature, self.extra = feature, extra
        super().__init__(f"{feature} needs a package that is not installed: pip install 'tokenroof[{extra}]'")

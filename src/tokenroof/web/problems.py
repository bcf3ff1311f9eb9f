"""What goes wrong, as RFC 9457 has it: status, title, detail, and every fault of the input."""

import re
from typing import Any

from tokenroof.errors import InputError, TokenroofError, UnknownName, faults_of
from tokenroof.present.json import finite_json

__all__ = ["TITLES", "Problem", "problem_of"]

TITLES = {
    400: "not a request", 403: "another machine", 404: "not there", 405: "not that method", 413: "too large",
    415: "not JSON", 422: "bad input", 499: "cancelled", 500: "a fault of tokenroof itself", 503: "too many questions",
    504: "took too long",
}  # fmt: skip
_LONGEST = 200


class Problem(Exception):
    """What ends a request: a status, what happened, and the faults of the input where it was at fault."""

    def __init__(self, status: int, detail: str, faults: tuple[dict[str, Any], ...] = ()) -> None:
        super().__init__(detail)
        self.status, self.detail, self.faults = status, detail, faults

    def body(self) -> dict[str, Any]:
        """The problem as JSON."""
        return {
            "type": "about:blank", "title": TITLES[self.status], "status": self.status, "detail": self.detail,
            "faults": list(self.faults),
        }  # fmt: skip


def _plain(value: Any) -> Any:
    """A value that JSON takes: what was given where it is short, else its beginning."""
    if value is ... or value is None or isinstance(value, bool):
        return None if value is ... else value
    if isinstance(value, int | float):
        return finite_json(value) if abs(value) < 1e300 else str(value)[:_LONGEST]
    return value[:_LONGEST] if isinstance(value, str) else repr(value)[:_LONGEST]


def _fault(fault: InputError) -> dict[str, Any]:
    return {"field": fault.field, "value": _plain(fault.value), "limit": fault.limit, "fix": fault.fix}


# where an upload is kept: a name that its owner never saw
_UPLOADED = re.compile(r"(?:[^\s'\"]*/tokenroof-[^/\s]+/)?(?:\b[0-9a-f]{32}/)?\bupload\.[a-z]+")


def _unnamed(text: Any) -> Any:
    return _UPLOADED.sub("the file", text) if isinstance(text, str) else text


def problem_of(error: BaseException) -> Problem:
    """The problem that an error is: the user's where tokenroof raised it on purpose, else one of its own."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, UnknownName):
        fault = {
            "field": error.kind, "value": _plain(error.name), "limit": f"the name of a {error.kind}", "fix": error.fix,
            "suggestions": list(error.suggestions),
        }  # fmt: skip
        return Problem(404, str(error), (fault,))
    if isinstance(error, InputError):
        faults = tuple({name: _unnamed(value) for name, value in _fault(one).items()} for one in faults_of(error))
        return Problem(422, _unnamed(str(error)), faults)
    if isinstance(error, TokenroofError):
        return Problem(422, _unnamed(str(error)))
    return Problem(500, "this is a fault of tokenroof, not of your input; the terminal that runs it says more")

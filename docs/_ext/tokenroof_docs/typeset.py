"""The plain equations of docstrings, typeset. What the small grammar does not cover stays as it was written.

    equation   sum { = | <= sum } [words after a comma, a semicolon, `for`, `where` or `at`]
    sum        product { + | - product }
    product    power { * | / power }
    power      atom [ ^ atom ]
    atom       number | name | name(args) | log2 atom | (sum) | -atom

A name may end in `*` (a balance point) when no space comes before the star. The parsed form is written back as
text and compared with what was read: an equation that does not survive this is not typeset.
"""

import re
from dataclasses import dataclass

__all__ = ["latex"]

_TOKEN = re.compile(r"\s*(?:(<=|>=)|([0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?)|([A-Za-z][A-Za-z0-9_]*\*?)|(.))")
_GREEK = ("alpha", "beta", "lambda", "rho", "eta", "tau", "mu")
_FUNCTIONS = {"max": r"\max", "min": r"\min", "log": r"\log", "exp": r"\exp"}
_LOGS = {"log2": r"\log_{2}", "log10": r"\log_{10}"}
_WORDS = re.compile(r"[,;] |(?= (?:for|where|at) )")
_FENCES = {"ceil": ("\\lceil ", " \\rceil"), "floor": ("\\lfloor ", " \\rfloor"), "sqrt": ("\\sqrt{", "}")}


class _NotPlain(Exception):
    """Not in the grammar."""


@dataclass(frozen=True)
class _Node:
    """Plain text and LaTeX of one part; `inner` is the LaTeX without the outer brackets."""

    text: str
    tex: str
    inner: str


def _name(name: str) -> str:
    star = r"^{*}" if name.endswith("*") else ""
    head, _, sub = name.rstrip("*").partition("_")
    shown = f"\\{head}" if head in _GREEK else head if len(head) == 1 else f"\\text{{{head}}}"
    if not sub:
        return shown + star
    low = sub if len(sub) == 1 else "\\text{" + sub.replace("_", ", ") + "}"
    return f"{shown}_{{{low}}}{star}"


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = [next(t for t in groups if t) for groups in _TOKEN.findall(text.strip()) if any(groups)]
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise _NotPlain(token)
        self.at += 1
        return token

    def equation(self) -> _Node:
        left = self.sum()
        while self.peek() in ("=", "<=", ">="):
            sign = self.take()
            right = self.sum()
            tex = {"=": "=", "<=": r"\le", ">=": r"\ge"}[sign]
            both = f"{left.tex} {tex} {right.tex}"
            left = _Node(f"{left.text} {sign} {right.text}", both, both)
        if self.peek():
            raise _NotPlain(self.peek())
        return left

    def sum(self) -> _Node:
        left = self.product()
        while self.peek() in ("+", "-"):
            sign = self.take()
            right = self.product()
            tex = f"{left.tex} {sign} {right.tex}"
            left = _Node(f"{left.text} {sign} {right.text}", tex, tex)
        return left

    def product(self) -> _Node:
        """Left to right: what stands before a stroke is over it, what follows it under it."""
        first = self.power()
        text, done, above, below = first.text, [], [first], list[_Node]()
        while self.peek() in ("*", "/"):
            sign = self.take()
            factor = self.power()
            text += f" {sign} {factor.text}"
            if sign == "/":
                below.append(factor)
            elif below:
                done.append(_fraction(above, below))
                above, below = [factor], []
            else:
                above.append(factor)
        tex = r" \cdot ".join([*done, _fraction(above, below)])
        return first if text == first.text else _Node(text, tex, tex)

    def power(self) -> _Node:
        base = self.atom()
        if self.peek() != "^":
            return base
        self.take()
        exponent = self.atom()
        tex = f"{base.tex}^{{{exponent.inner}}}"
        return _Node(f"{base.text} ^ {exponent.text}", tex, tex)

    def atom(self) -> _Node:
        token = self.take()
        if token == "-":
            part = self.atom()
            return _Node(f"-{part.text}", f"-{part.tex}", f"-{part.tex}")
        if token == "(":
            part = self.sum()
            self.take(")")
            return _Node(f"({part.text})", rf"\left({part.tex}\right)", part.tex)
        if token[0].isdigit():
            return _Node(token, token, token)
        if not token[0].isalpha():
            raise _NotPlain(token)
        if self.peek() == "(":
            return self.call(token)
        if token in _LOGS:
            part = self.atom()
            return _Node(f"{token} {part.text}", f"{_LOGS[token]} {part.tex}", f"{_LOGS[token]} {part.tex}")
        return _Node(token, _name(token), _name(token))

    def call(self, name: str) -> _Node:
        self.take("(")
        given = [self.sum()]
        while self.peek() == ",":
            self.take()
            given.append(self.sum())
        self.take(")")
        text = f"{name}({', '.join(g.text for g in given)})"
        inside = ", ".join(g.tex for g in given)
        if name in _FENCES:
            before, after = _FENCES[name]
            tex = f"{before}{inside}{after}"
        else:
            tex = rf"{_FUNCTIONS.get(name, _name(name))}\left({inside}\right)"
        return _Node(text, tex, tex)


def _fraction(above: list[_Node], below: list[_Node]) -> str:
    if not below:
        return r" \cdot ".join(n.tex for n in above)
    top = above[0].inner if len(above) == 1 else r" \cdot ".join(n.tex for n in above)
    bottom = below[0].inner if len(below) == 1 else r" \cdot ".join(n.tex for n in below)
    return rf"\frac{{{top}}}{{{bottom}}}"


def _plain(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _split(equation: str) -> tuple[str, str]:
    """The formula and the words after it, parted by the first mark outside brackets."""
    for mark in _WORDS.finditer(equation):
        before = equation[: mark.start()]
        if before.count("(") == before.count(")"):
            return before, equation[mark.end() :].strip()
    return equation, ""


def latex(equation: str) -> tuple[str, str] | None:
    """(LaTeX, the words that follow it), or None for what is not plain arithmetic."""
    head, words = _split(equation)
    try:
        found = _Parser(head).equation()
    except _NotPlain:
        return None
    return (found.tex, words) if _plain(found.text) == _plain(head) else None

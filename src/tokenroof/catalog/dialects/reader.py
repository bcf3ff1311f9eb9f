"""Reading a config.json without believing it: every value is checked, every assumption becomes a warning."""

from collections.abc import Mapping

from tokenroof.errors import DataMissing, InputError

__all__ = ["MAX_LAYERS", "ConfigReader"]

MAX_LAYERS = 1_000
_MAX_ENTRIES = 200_000
_MAX_COUNT = 100_000_000
_MAX_TOKENS = 10_000_000_000
_SHOWN_KEYS = 12


def _shown(key: object) -> str:
    """A key fit for a one-line message, whatever it holds."""
    text = str(key)
    return text[:40] if text.isprintable() else repr(text)[:40]


class ConfigReader:
    """One JSON object of a config. Missing and null mean the same; names are tried in order.

    It keeps the names that were asked for, so that what nobody read can be listed.
    """

    __slots__ = ("_asked", "_children", "_data", "_path", "model_type", "warnings")

    def __init__(
        self, data: Mapping[str, object], *, model_type: str, path: str = "", warnings: list[str] | None = None
    ) -> None:
        self._data, self._path, self.model_type = data, path, model_type
        self.warnings: list[str] = [] if warnings is None else warnings
        self._asked: set[str] = set()
        self._children: dict[str, ConfigReader] = {}

    @property
    def entity(self) -> str:
        """What error messages call this object."""
        return f"config of model_type {self.model_type!r}"

    def warn(self, text: str) -> None:
        """Tell the user once what had to be assumed."""
        shown = " ".join(text.split())[:300]
        if shown not in self.warnings:
            self.warnings.append(shown)

    def _get(self, name: str) -> object:
        self._asked.add(name)
        return self._data.get(name)

    def unread(self) -> dict[str, object]:
        """Keys that nobody asked for with their values, those of nested objects by their path."""
        left = {name: value for name, value in self._data.items() if name not in self._asked and value is not None}
        for name, child in self._children.items():
            left |= {f"{name}.{key}": value for key, value in child.unread().items()}
        return left

    def _found(self, names: tuple[str, ...]) -> tuple[str, object] | None:
        self._asked.update(names)
        for name in names:
            if self._data.get(name) is not None:
                return name, self._data[name]
        return None

    def has(self, *names: str) -> bool:
        """Whether any of the names holds something."""
        return self._found(names) is not None

    def missing(self, fields: list[str]) -> DataMissing:
        """The error for keys that the file does not give, with the keys that it does."""
        keys = [_shown(key) for key in self._data]
        shown = ", ".join(sorted(keys)[:_SHOWN_KEYS]) + (", ..." if len(keys) > _SHOWN_KEYS else "")
        where = f"keys read{' in ' + self._path if self._path else ''}: {shown or 'none'}"
        return DataMissing(self.entity, " and no ".join(fields), where)

    def need(self, *keys: str) -> None:
        """Raise one DataMissing that names every absent key; `a|b` accepts either."""
        absent = [key.replace("|", " or ") for key in keys if not self.has(*key.split("|"))]
        if absent:
            raise self.missing(absent)

    def _integer(self, name: str, value: object, low: int, high: int) -> int:
        limit = f"a whole number from {low:,} to {high:,}"
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise InputError(self._path + name, value, limit)
        if not low <= value <= high or value != int(value):
            raise InputError(self._path + name, value, limit)
        return int(value)

    def maybe(self, *names: str, low: int = 1, high: int = _MAX_COUNT) -> int | None:
        """A whole number, or None where the file has none of the names."""
        found = self._found(names)
        return None if found is None else self._integer(*found, low, high)

    def count(self, *names: str, low: int = 1, high: int = _MAX_COUNT) -> int:
        """A whole number that the file must give."""
        value = self.maybe(*names, low=low, high=high)
        if value is None:
            raise self.missing([" or ".join(names)])
        return value

    def count_or(self, name: str, otherwise: int, why: str, *, low: int = 1) -> int:
        """A whole number, or a documented default of the family with a warning that says so."""
        value = self.maybe(name, low=low)
        return self.assume(name, otherwise, why) if value is None else value

    def number(self, name: str, *, low: float, high: float) -> float:
        """A finite number that the file must give."""
        value = self._get(name)
        if value is None:
            raise self.missing([name])
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise InputError(self._path + name, value, f"a number from {low:g} to {high:g}")
        return float(value)

    def tokens(self, *names: str) -> int | None:
        """A length in tokens."""
        return self.maybe(*names, high=_MAX_TOKENS)

    def n_layers(self, *names: str) -> int:
        """The number of layers, bounded so that a hostile file cannot make work."""
        return self.count(*(names or ("num_hidden_layers",)), high=MAX_LAYERS)

    def assume(self, name: str, value: int, why: str) -> int:
        """Use a documented fact of the family in place of a key that the file leaves out."""
        self.warn(f"{name} is not in the file: {value} taken ({why})")
        return value

    def flag(self, name: str, otherwise: bool) -> bool:
        """A yes or no; `otherwise` is what the family does where the file is silent."""
        value = self._get(name)
        if value is None:
            return otherwise
        if value in (0, 1) and isinstance(value, bool | int):
            return bool(value)
        raise InputError(self._path + name, value, "true or false")

    def text(self, *names: str) -> str | None:
        """A string, or None."""
        found = self._found(names)
        if found is None:
            return None
        if not isinstance(found[1], str):
            raise InputError(self._path + found[0], found[1], "a string")
        return found[1]

    def items(self, name: str, *, length: int | None = None) -> list[object] | None:
        """A list, or None; `length` is how many entries are needed, more are cut off."""
        value = self._get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise InputError(self._path + name, value, "a list")
        if len(value) > _MAX_ENTRIES:
            raise InputError(self._path + name, f"{len(value)} entries", f"at most {_MAX_ENTRIES} entries")
        if length is None:
            return list(value)
        if len(value) < length:
            raise InputError(self._path + name, f"{len(value)} entries", f"a list of {length}, one per layer")
        return list(value[:length])

    def texts(self, name: str, *, length: int | None = None) -> list[str] | None:
        """A list of strings, or None."""
        values = self.items(name, length=length)
        if values is None:
            return None
        for value in values:
            if not isinstance(value, str):
                raise InputError(self._path + name, value, "a list of strings")
        return [str(value) for value in values]

    def counts(self, name: str, *, length: int | None = None, low: int = 0) -> list[int] | None:
        """A list of whole numbers, or None."""
        values = self.items(name, length=length)
        return None if values is None else [self._integer(name, v, low, _MAX_COUNT) for v in values]

    def is_list(self, name: str) -> bool:
        """Whether the key holds a list."""
        return isinstance(self._get(name), list)

    def is_text(self, name: str) -> bool:
        """Whether the key holds a string."""
        return isinstance(self._get(name), str)

    def is_object(self, name: str) -> bool:
        """Whether the key holds a JSON object."""
        return isinstance(self._get(name), Mapping)

    def keys(self) -> "list[str]":
        """The keys that are strings, in file order."""
        return list(self._data)

    def indices(self, name: str) -> list[int]:
        """Layer numbers, as a list or as text with commas."""
        value = self._get(name)
        if not isinstance(value, str):
            return self.counts(name) or []
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if len(parts) > MAX_LAYERS or not all(part.isascii() and part.isdigit() and len(part) < 8 for part in parts):
            raise InputError(self._path + name, value, "layer numbers with commas between them")
        return [int(part) for part in parts]

    def per_layer(self, name: str, length: int, *, low: int = 0) -> list[int]:
        """One whole number per layer, from a list or from one number for all."""
        value = self._get(name)
        if isinstance(value, list):
            return self.counts(name, length=length, low=low) or []
        return [self.count(name, low=low)] * length

    def child(self, name: str, *, model_type: str | None = None) -> "ConfigReader | None":
        """A nested object as a reader that shares the warnings."""
        value = self._get(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise InputError(self._path + name, value, "a JSON object")
        if name not in self._children:
            self._children[name] = ConfigReader(
                value,
                model_type=model_type or self.model_type,
                path=f"{self._path}{_shown(name)}.",
                warnings=self.warnings,
            )
        return self._children[name]

    def overlaid(self, own: "ConfigReader | None") -> "ConfigReader":
        """This object with the keys of `own` in place of its own; what is asked of it counts as asked of both."""
        if own is None:
            return self
        merged = ConfigReader(
            {**self._data, **own._data}, model_type=self.model_type, path=own._path, warnings=self.warnings
        )
        own._asked.update(own._data)
        merged._asked = self._asked
        return merged

    def rows(self, name: str, *, length: int) -> "list[ConfigReader] | None":
        """A list of objects as readers."""
        values = self.items(name, length=length)
        if values is None:
            return None
        readers = []
        for index, value in enumerate(values):
            if not isinstance(value, Mapping):
                raise InputError(f"{self._path}{name}[{index}]", value, "a JSON object")
            path = f"{self._path}{name}[{index}]."
            readers.append(ConfigReader(value, model_type=self.model_type, path=path, warnings=self.warnings))
        return readers

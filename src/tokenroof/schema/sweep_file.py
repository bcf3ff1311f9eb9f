"""The file of a sweep, checked once, every fault reported with the path of its field.

pydantic reads shape and types; limits and the rules that join fields belong to the use case.
"""

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from tokenroof.errors import UnitError
from tokenroof.reading import MOST_BYTES, expanded, parse_toml, read_text
from tokenroof.registry import nearest
from tokenroof.types.engine import DEFAULT_ENGINE
from tokenroof.types.layout import SENT
from tokenroof.units import parse_amount
from tokenroof.usecases.sweep.spec import (
    CATEGORICAL,
    NUMERIC,
    RENTAL,
    Range,
    SpecError,
    SweepSpec,
    axis_faults,
    check_spec,
    layout_text,
    load_faults,
    name_faults,
)

__all__ = ["MOST_BYTES", "SweepFile", "parse_sweep_spec", "parse_toml", "read_sweep_spec"]

_TAGS = ("one", "many", "range", "table", "word")


def _tag(value: Any) -> str:
    return "many" if isinstance(value, list) else "range" if isinstance(value, dict) else "one"


def _layout_tag(value: Any) -> str:
    return "many" if isinstance(value, list) else "table" if isinstance(value, dict) else "one"


def _price_tag(value: Any) -> str:
    return "word" if isinstance(value, str) else _tag(value)


def _number(value: Any) -> float:
    """One message for everything that is not a number, where pydantic has one for each kind of number."""
    if isinstance(value, str):
        try:
            return parse_amount(value, "1")
        except UnitError:
            raise ValueError("must be a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError("must be a finite number") from None


_Real = Annotated[float, BeforeValidator(_number, json_schema_input_type=float)]


def _checked(value: Any, faults: list[str]) -> Any:
    """The use case's own words on a field, beside pydantic's on the other fields: all faults at once."""
    if faults:
        raise PydanticCustomError("said", "{said}", {"said": "; ".join(faults)})
    return value


class _Closed(BaseModel):
    """No field but those named."""

    model_config = ConfigDict(extra="forbid")


class RangeFile(_Closed):
    """Values from `from` to `to`, both included: `points` of them, linear or log, or one every `step`."""

    start: _Real = Field(alias="from")
    stop: _Real = Field(alias="to")
    points: StrictInt | None = None
    step: _Real | None = None
    scale: Literal["linear", "log"] = "linear"


class LayoutFile(_Closed):
    """Degrees of parallelism, the formats other than those of weights and KV cache, and how tokens reach experts."""

    tp: StrictInt = 1
    pp: StrictInt = 1
    ep: StrictInt = 1
    dp: StrictInt = 1
    cp: StrictInt = 1
    dcp: StrictInt = 1
    redundant_experts: StrictInt = 0
    activation_dtype: StrictStr = "bf16"
    collective_dtype: StrictStr = "bf16"
    dispatch_dtype: StrictStr = "bf16"
    moe_a2a_backend: StrictStr = SENT
    two_batch_overlap: StrictBool = False


_Layout = Annotated[Annotated[StrictStr, Tag("one")] | Annotated[LayoutFile, Tag("table")], Discriminator(_layout_tag)]
_Layouts = Annotated[
    Annotated[StrictStr, Tag("one")] | Annotated[LayoutFile, Tag("table")] | Annotated[list[_Layout], Tag("many")],
    Discriminator(_layout_tag),
]
_Names = Annotated[
    Annotated[StrictStr, Tag("one")] | Annotated[list[StrictStr], Tag("many")],
    Discriminator(lambda value: "many" if isinstance(value, list) else "one"),
]
_Numbers = Annotated[
    Annotated[_Real, Tag("one")] | Annotated[list[_Real], Tag("many")] | Annotated[RangeFile, Tag("range")],
    Discriminator(_tag),
]
_Prices = Annotated[
    Annotated[_Real, Tag("one")]
    | Annotated[list[_Real], Tag("many")]
    | Annotated[RangeFile, Tag("range")]
    | Annotated[Literal["rental"], Tag("word")],
    Discriminator(_price_tag),
]


class SweepFile(_Closed):
    """A sweep spec file: a field is held fixed by one value and becomes an axis with several."""

    model: _Names
    system: _Names
    layout: _Layouts = "auto"
    rule: _Names = "operators"
    engine: _Names = DEFAULT_ENGINE
    profile: _Names = "auto"
    weight_dtype: _Names = "own"
    kv_dtype: _Names = "own"
    batch: _Numbers
    context: _Numbers | None = None
    isl: _Numbers | None = None
    osl: _Numbers | None = None
    prefix: _Numbers | None = None
    price_per_gpu_hour: _Prices | None = None
    outputs: list[StrictStr] | None = None
    block_points: StrictInt = 65_536

    @field_validator(*CATEGORICAL)
    @classmethod
    def _names(cls, value: Any, info: ValidationInfo) -> Any:
        return _checked(value, name_faults(str(info.field_name), _words(value)))

    @field_validator(*NUMERIC)
    @classmethod
    def _numbers(cls, value: Any, info: ValidationInfo) -> Any:
        axis = _axis(value)
        return _checked(value, axis_faults(str(info.field_name), axis) if isinstance(axis, tuple | Range) else [])


def _many(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def _axis(value: Any) -> Any:
    if isinstance(value, RangeFile):
        return Range(start=value.start, stop=value.stop, points=value.points, step=value.step, log=value.scale == "log")
    return value if value is None or value == RENTAL else _many(value)


def _words(value: Any) -> tuple[str, ...]:
    """Names as they are; a table of degrees as the words of a layout."""
    words = []
    for one in _many(value):
        given = one.model_dump(exclude_unset=True) if isinstance(one, LayoutFile) else None
        words.append(one if given is None else layout_text(given) or "tp=1")
    return tuple(words)


def _spec(file: SweepFile) -> SweepSpec:
    given: dict[str, Any] = {name: _words(getattr(file, name)) for name in CATEGORICAL}
    given |= {name: _axis(getattr(file, name)) for name in NUMERIC}
    outputs = None if file.outputs is None else tuple(file.outputs)
    return SweepSpec(**given, outputs=outputs, block_points=file.block_points)


def _path(location: tuple[int | str, ...]) -> str:
    """`batch.many.2` as `batch[2]`: pydantic names the alternative that it tried, which is not part of the path."""
    path = ""
    for position, part in enumerate(location):
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in _TAGS or not (position == 1 or (position and isinstance(location[position - 1], int))):
            name = part if re.fullmatch(r"[\w-]{1,40}", part) else _shown(part)
            path += f".{name}" if path else name
    return path


def _fields_at(location: tuple[int | str, ...]) -> Mapping[str, Any]:
    if len(location) == 1:
        return SweepFile.model_fields
    if location[0] == "layout":
        return LayoutFile.model_fields
    return {field.alias or name: field for name, field in RangeFile.model_fields.items()}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


_WORDS = {"string_type": "must be text", "list_type": "must be a list", "int_type": "must be a whole number"}


def _fault(error: ErrorDetails) -> str:
    location, kind = error["loc"], error["type"]
    path = _path(location)
    if kind == "extra_forbidden":
        near = nearest(str(location[-1]), _fields_at(location), 1)
        return f"{path}: unknown field" + (f"; nearest: {near[0]}" if near else "")
    if kind == "said":
        return error["msg"]
    if kind == "missing":
        return f"{path}: missing"
    if kind == "literal_error":
        return f"{path} = {_shown(error['input'])}: must be {error['ctx']['expected'].replace(chr(39), '')}"
    said = _WORDS.get(kind) or str(error["msg"]).removeprefix("Value error, ")
    return f"{path} = {_shown(error['input'])}: {said}"


def parse_sweep_spec(data: Mapping[str, Any], where: str = "sweep spec") -> SweepSpec:
    """Plain data, as TOML or JSON gives it, to a spec. SpecError holds every fault, each with its path."""
    try:
        return check_spec(_spec(SweepFile.model_validate(dict(data))), where)
    except ValidationError as error:
        faults = [_fault(one) for one in error.errors(include_url=False)]
        faults += load_faults([name for name in NUMERIC if name in data])
        raise SpecError(where, faults) from None


def read_sweep_spec(path: str | os.PathLike[str]) -> SweepSpec:
    """A spec file in TOML, at most 1 MB. InputError for what is not such a file, SpecError with all faults in it."""
    where = expanded(path, "spec file")
    text = read_text(where, "spec file", fix="write a long axis as a range")
    return parse_sweep_spec(parse_toml(text, where.name), where.name)

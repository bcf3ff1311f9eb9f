"""Carry public price figures over into our own snapshot of dated sheets (src/tokenroof/catalog/data/offers).

Run by maintainers: `python scripts/carry_prices.py FOLDER`, FOLDER holding price_facts.csv and
open_provider_prices.csv. It writes one TOML file per seller and spreads.json. What the tables cannot hold
(history, modes that ended, boundaries, ids of weights) stands here, each with its reason.
"""

import csv
import json
import re
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parent.parent / "src/tokenroof/catalog/data/offers"
Row = dict[str, str]

SELLERS = {
    "moonshotai": "moonshot",
    "x-ai": "xai",
    "qwen": "alibaba",
    "hunyuan": "tencent",
    "wenxin": "baidu",
}
CNY_TWINS = {"minimax": "minimax-cn"}  # one seller, two sheets in two currencies

# seller's model name -> our catalogue id of the open weights
WEIGHTS = {
    "deepseek-v3": "deepseek-v3",
    "deepseek-r1": "deepseek-r1",
    "deepseek-v3.2": "deepseek-v3.2",
    "deepseek-v4-pro": "deepseek-v4-pro",
    "deepseek-v4-pro-ga": "deepseek-v4-pro",
    "deepseek-v4-flash": "deepseek-v4-flash",
    "deepseek-v4-flash-ga": "deepseek-v4-flash",
    "kimi-k2-0905-preview": "kimi-k2",
    "kimi-k2.5": "kimi-k2.5",
    "kimi-k2.6": "kimi-k2.6",
    "kimi-k2.7-code": "kimi-k2.7-code",
    "kimi-k3": "kimi-k3",
    "minimax-m1": "minimax-m1",
    "minimax-m2": "minimax-m2",
    "minimax-m3": "minimax-m3",
    "glm-4.5": "glm-4.5",
    "glm-4.5-air": "glm-4.5-air",
    "glm-4.6": "glm-4.6",
    "glm-4.7": "glm-4.7",
    "glm-4-7": "glm-4.7",
    "glm-5": "glm-5",
    "glm-5.1": "glm-5.1",
    "glm-5-2": "glm-5.2",
    "glm-5.3": "glm-5.3",
    "qwen3-coder-480b-a35b-instruct": "qwen3-coder-480b-a35b",
    "qwen3-coder-30b-a3b-instruct": "qwen3-30b-a3b",
    "qwen3-coder-next": "qwen3-coder-next",
    "qwen3.5-397b-a17b": "qwen3.5-397b-a17b",
    "qwen3.5-122b-a10b": "qwen3.5-122b-a10b",
    "qwen3.5-35b-a3b": "qwen3.5-35b-a3b",
    "mistral-large-4": "mistral-large-4",
    "mistral-small-2603": "mistral-small-4-119b",
    "qwen3.5-27b": "qwen3.5-27b",
    "step-3": "step3",
    "hy3-preview": "hy3",
    "gpt-oss-120b": "gpt-oss-120b",
    "llama-3.3-70b": "llama-3.3-70b",
    "llama-3.3-70b-versatile": "llama-3.3-70b",
}

# DeepSeek's history: sheet name -> (id, first day, last day, extra)
NIGHT = "night discount as the 2025 rows of genai-prices 0.2.3 have it; its hours are not recorded here"
HISTORY: dict[tuple[str, str], dict[str, Any]] = {
    ("V3", "2024-12..2025-02 list"): {
        "id": "deepseek/deepseek-v3",
        "as_of": "2025-02-28",
        "context": 64000,
        "windows": [("night", 0.5)],
        "notes": [NIGHT],
    },
    ("R1", "2025-02 R1 list"): {
        "id": "deepseek/deepseek-r1",
        "as_of": "2025-02-28",
        "context": 64000,
        "windows": [("night", 0.25)],
        "notes": [NIGHT, "DeepSeek published 73.7k in, 14.8k out tok/s per 8xH800 node at $2 per GPU-hour"],
    },
    ("V3.2", "2025-09 V3.2-Exp"): {"id": "deepseek/deepseek-v3.2", "as_of": "2025-09-30"},
    ("V4-Pro", "2026-04-24 V4-Pro launch"): {
        "id": "deepseek/deepseek-v4-pro@2026-04-24",
        "since": "2026-04-24",
        "until": "2026-04-25",
    },
    ("V4-Pro", "2026-04-26..06 V4-Pro promo"): {
        "id": "deepseek/deepseek-v4-pro@2026-04-26",
        "since": "2026-04-26",
        "until": "2026-06-30",
    },
    ("V4-Flash", "2026-04-24 V4-Flash launch"): {
        "id": "deepseek/deepseek-v4-flash@2026-04-24",
        "since": "2026-04-24",
        "notes": ["cached price cut to 0.0028 by 2026-06-07"],
    },
}
# 2025 rates under names that have moved on since: their night discount is carried into HISTORY
SKIP = {"deepseek-chat", "deepseek-reasoner"}
GPU_CACHE = (
    "vendor document: in-memory cache is volatile GPU memory (5-10 min idle, 1 h at most), 24 h is GPU-local storage"
)


def num(text: str) -> float | None:
    return float(text) if text else None


def tokens(text: str) -> int | None:
    return int(float(text)) if text else None


def as_of(row: Row) -> str:
    found = re.findall(r"\d{4}-\d{2}-\d{2}", row["as_of"])
    if found:
        return found[-1] if ".." in row["as_of"] else found[0]
    month = re.match(r"(\d{4})-(\d{2})", row["as_of"])
    return f"{month[1]}-{month[2]}-01" if month else "2026-11-22"


def since(row: Row) -> str:
    match = re.search(r"since (\d{4}-\d{2}-\d{2})", row["as_of"])
    return match[1] if match else ""


def source(row: Row) -> str:
    text = row["source"].replace("(PyPI, ", "(").replace("npm model-bank", "model-bank")
    return re.sub(r"(model-bank 1\.0\.\d{8})\d*", r"\1", text)


def writes(row: Row, seller: str) -> dict[str, float]:
    short, long = num(row["cache_write_5m"]), num(row["cache_write_1h"])
    found = {}
    if short is not None:
        found["30m" if seller == "openai" else "5m"] = short
    if long is not None:
        found["1h"] = long
    return found


def line(row: Row, seller: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"input": float(row["input"]), "output": float(row["output"])}
    if row["cached_read"]:
        cell["cached"] = float(row["cached_read"])
    if written := writes(row, seller):
        cell["writes"] = written
    return cell


def mode_list(row: Row, seller: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for column, name in (("batch_mult", "batch"), ("flex_mult", "flex")):
        if row[column]:
            found.append({"name": name, "x": float(row[column])})
    speed = re.search(r"up to ([\d.]+)x", row["fast_speedup_claim"])
    claim = {"speed": float(speed[1]), "claim": f"up to {speed[1]}x output tokens per second"} if speed else {}
    if row["priority_or_fast_mult"]:
        name = "fast" if seller == "anthropic" else "priority"
        found.append({"name": name, "x": float(row["priority_or_fast_mult"]), **(claim if name == "fast" else {})})
    if row["top_speed_mult"]:
        name = "fast" if seller == "anthropic" else "ultrafast"
        ended = {"until": "2026-07-24"} if name == "fast" else {}
        found.append({"name": name, "x": float(row["top_speed_mult"]), **(claim if name == "fast" else {}), **ended})
    return found


def sheet(identity: str, rows: list[Row], seller: str) -> dict[str, Any]:
    """One offer from the rows of one sheet, in order of context and output length."""
    first = rows[0]
    rows = sorted(rows, key=lambda r: (num(r["ctx_from"]) or 0, num(r["out_from"]) or 0))
    boundaries = {tokens(r["ctx_to"]) for r in rows} - {None}
    inclusive = "inclusive" in first["note"]
    context = tokens(first["context_window"]) or (tokens(rows[-1]["ctx_to"]) if len(rows) == 1 else None)
    offer: dict[str, Any] = {
        "id": identity,
        "name": first["model"],
        "lab": first["lab"],
        "currency": first["currency"],
        "as_of": as_of(first),
        "source": source(first),
        "grade": "assumed" if "UNVERIFIED" in first["source"] else "reported",
    }
    if first["lab"] == "open-weights host":
        offer["lab"] = {"gpt": "OpenAI", "ope": "OpenAI", "lla": "Meta"}[first["model"][:3]]
    if day := since(first):
        offer["since"] = day
    weights = WEIGHTS.get(identity.partition("/")[2].partition("@")[0])
    if weights:
        offer["model"] = weights
    if first["open_weights"] or weights:
        offer["open_weights"] = first["open_weights"] == "yes" or weights is not None
    cells = []
    for row, following in zip(rows, [*rows[1:], rows[-1]], strict=True):
        cell = line(row, seller)
        starts = tokens(following["ctx_from"])
        to = starts if starts and starts > (tokens(row["ctx_from"]) or 0) else tokens(row["ctx_to"])
        if row is not rows[-1] and to is not None:
            # inclusive boundaries are stored one token low in the source tables
            cell["in_to"] = to + 1 if inclusive else to
        if row["out_to"]:
            cell["out_to"] = tokens(row["out_to"])
        cells.append(cell)
    if len(cells) == 1:
        offer.update({k: v for k, v in cells[0].items() if k in ("input", "output", "cached", "writes")})
    else:
        offer["lines"] = cells
    if inclusive:
        offer["inclusive"] = True
    last = max((b for b in boundaries if b), default=0)
    if context is not None and context >= last:
        offer["context"] = context
    elif last and rows[-1]["ctx_to"]:
        offer["context"] = last
    if first["cache_storage_per_mtok_hour"]:
        offer["storage_per_hour"] = float(first["cache_storage_per_mtok_hour"])
    if found := mode_list(first, seller):
        offer["modes"] = found
    notes = [n.strip() for n in first["note"].split(";") if n.strip()]
    notes = [n for n in notes if "threshold inclusive" not in n and not n.startswith("cache_write column")]
    notes = [GPU_CACHE if n.startswith("vendor doc: in_memory") else n for n in notes]
    if identity == "openai/gpt-6.1-terra":
        notes = [n for n in notes if "12-h" not in n]
        for cell in offer["lines"]:
            cell["writes"]["12h"] = round(2.5 * cell["input"], 6)
        offer["origins"] = {
            "writes": {
                "source": "12-hour retention at 2.5x input, price study of 2026-11-22",
                "as_of": "2026-11-22",
                "grade": "reported",
            }
        }
    storage = [n for n in notes if n.startswith("storage price:")]
    if storage and "storage_per_hour" in offer:
        notes = [n for n in notes if n not in storage]
        offer["origins"] = {
            "storage": {
                "source": "vendor page via model-bank 1.0.20260927 and forum quotes",
                "as_of": "2026-09-27",
                "grade": "reported",
            }
        }
    if offer.get("modes") and any("speed" in mode for mode in offer["modes"]):
        offer.setdefault("origins", {})["speed"] = {
            "source": "vendor documents: fast mode",
            "as_of": offer["as_of"],
            "grade": "reported",
        }
    if notes:
        offer["notes"] = notes
    return offer


def windowed(identity: str, rows: list[Row], seller: str) -> dict[str, Any]:
    """DeepSeek V4: the sheet holds outside the peak hours, when everything costs twice as much."""
    base = next(r for r in rows if r["window"] == "off-peak")
    peak = next(r for r in rows if r["window"] == "peak")
    offer = sheet(identity, [base], seller)
    factor = float(peak["input"]) / float(base["input"])
    offer["windows"] = [{"name": "peak", "x": factor, "hours_utc": [[1, 4], [6, 10]], "days": "Mon-Fri"}]
    offer["notes"] = ["the vendor documents that its prompt cache is on disk"]
    return offer


def offers(rows: Iterable[Row]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        if row["model"] in SKIP:
            continue
        thinking = "-thinking" if row["window"] == "thinking=true" else ""
        groups.setdefault((row["seller"], row["model"] + thinking, row["as_of"], row["currency"]), []).append(row)
    found: dict[str, list[dict[str, Any]]] = {}
    for (raw_seller, model, when, currency), group in groups.items():
        seller = SELLERS.get(raw_seller, raw_seller)
        if currency == "CNY":
            seller = CNY_TWINS.get(seller, seller)
        name = model.rpartition("/")[2].lower()
        if (model, when) in HISTORY:
            extra = dict(HISTORY[model, when])
            offer = sheet(extra["id"], group, seller)
            offer["name"] = extra.pop("id").partition("/")[2].partition("@")[0]
            offer["as_of"] = extra.get("as_of", extra.get("since"))
            offer["source"] = "models.dev history at commit f3fc692, litellm 1.109.1"
            offer["windows"] = [{"name": n, "x": x} for n, x in extra.pop("windows", [])]
            offer.pop("notes", None)
            offer.update(extra)
            if not offer["windows"]:
                del offer["windows"]
        elif group[0]["window"] in ("off-peak", "peak"):
            offer = windowed(f"{seller}/{name}", group, seller)
        elif name == "claude-opus-4-6" and when.startswith("2026-02-05"):
            base = next(r for r in rows_of(groups, raw_seller, model) if r["ctx_from"] == "0")
            offer = sheet(f"{seller}/{name}@2026-02-05", [base, *group], seller)
            offer.update(
                since="2026-02-05",
                until="2026-03-12",
                as_of="2026-03-12",
                notes=["long-context surcharge of the 1M window, dropped on 2026-03-13"],
            )
            offer["modes"] = [m for m in offer["modes"] if m["name"] != "fast"]
        elif name == "claude-sonnet-4-5":
            offer = sheet(f"{seller}/{name}", [r for r in group if r["ctx_from"] == "0"], seller)
            offer.pop("notes", None)
            old = sheet(f"{seller}/{name}@1m-beta", group, seller)
            old.update(
                context=1_000_000,
                until="2026-04-30",
                as_of="2026-04-30",
                notes=["the 1M window was a beta that ended on 2026-04-30"],
            )
            found.setdefault(seller, []).append(old)
        elif "UNVERIFIED" in group[0]["source"]:
            offer = sheet(f"{seller}/{name}@2025-06", group, seller)
            offer.update(
                source="recalled from the launch page; aggregators confirm the lower tier",
                as_of="2025-06-30",
                notes=["unverified: only the input price steps"],
            )
        else:
            offer = sheet(f"{seller}/{name}", group, seller)
        found.setdefault(seller, []).append(offer)
    return found


def rows_of(groups: dict[tuple[str, str, str, str], list[Row]], seller: str, model: str) -> list[Row]:
    return [row for key, rows in groups.items() if key[:2] == (seller, model) for row in rows]


def toml_value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value:_}" if value >= 10_000 else str(value)
        case float():
            return repr(round(value, 9))
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return "[" + ", ".join(map(toml_value, value)) + "]"
        case dict():
            inner = ", ".join(
                f"{k if re.fullmatch('[a-z_]+', k) else json.dumps(k)} = {toml_value(v)}" for k, v in value.items()
            )
            return "{" + inner + "}"
    raise TypeError(type(value))


def toml_text(seller: str, sheets: list[dict[str, Any]]) -> str:
    shared = {k: sheets[0][k] for k in ("currency", "as_of", "source", "grade")}
    out = [
        f"# Price sheets of {seller}, per million tokens. Written by scripts/carry_prices.py.",
        "",
        "[defaults]",
    ]
    out += [f"{key} = {toml_value(value)}" for key, value in shared.items()]
    for offer in sheets:
        out += ["", "[[offer]]"]
        for key, value in offer.items():
            if shared.get(key) == value:
                continue
            if key == "origins":
                out += [f"origins.{name} = {toml_value(origin)}" for name, origin in value.items()]
            elif key in ("lines", "modes") and len(value) > 1:
                out += [f"{key} = ["] + [f"  {toml_value(item)}," for item in value] + ["]"]
            else:
                out.append(f"{key} = {toml_value(value)}")
    return "\n".join(out) + "\n"


# ---------------------------------------------------------------- open weights, many hosts

SPREAD_WEIGHTS = {
    "DeepSeek-V3-0324": "deepseek-v3",
    "DeepSeek-R1-0528": "deepseek-r1",
    "Kimi-K2": "kimi-k2",
    "Qwen3-Coder-480B": "qwen3-coder-480b-a35b",
    "Qwen3-235B-A22B-2507": "qwen3-235b-a22b",
    "Qwen3-Next-80B": "qwen3-next-80b-a3b",
    "Llama-4-Maverick": "llama-4-maverick-17b-128e",
    "Llama-4-Scout": "llama-4-scout-17b-16e",
    "Mistral-Small-3.2-24B": "mistral-small-24b",
}
ALIASES = {
    "novita-ai": "novita",
    "together_ai": "together",
    "togetherai": "together",
    "fireworks_ai": "fireworks",
    "fireworks-ai": "fireworks",
    "azure_ai": "azure",
    "azure-cognitive-services": "azure",
    "friendliai": "friendli",
    "cloudflare-workers-ai": "cloudflare",
    "gmicloud": "gmi",
    "bedrock": "amazon-bedrock",
    "bedrock_converse": "amazon-bedrock",
    "bedrock_mantle": "amazon-bedrock",
    "aws": "amazon-bedrock",
    "siliconflow-cn": "siliconflow",
    "moonshotai": "moonshot",
    "zhipuai": "zhipu",
    "stepfun-ai": "stepfun",
}
# Outliers named by the price study: default rows by size bucket, units that do not match, one-off promotions.
DROPPED_SELLERS = {"hyperbolic", "lambda_ai", "wandb", "submodel", "synthetic", "vultr"}
FIREWORKS_DEFAULT = {0.1, 0.2, 0.9, 0.5, 1.2}  # litellm's prices by size bucket


def spreads(rows: Iterable[Row]) -> dict[str, Any]:
    """One row per model and host; where several lists have a host, the newest list counts."""
    rank = {"genai-prices": 2, "litellm": 1, "models.dev": 0}
    sources: list[str] = []
    found: dict[str, dict[str, tuple[int, list[Any]]]] = {}
    for row in rows:
        seller = row["seller"].removeprefix("huggingface_")
        seller = ALIASES.get(seller, seller)
        if seller in DROPPED_SELLERS or seller == "huggingface":
            continue
        origin = row["source"].replace(" git", "")
        if seller == "fireworks" and origin.startswith("litellm") and float(row["input"]) in FIREWORKS_DEFAULT:
            continue
        if origin not in sources:
            sources.append(origin)
        cached = round(float(row["cached_read"]), 9) if row["cached_read"] else None
        entry = [
            seller,
            round(float(row["input"]), 9),
            round(float(row["output"]), 9),
            cached,
            sources.index(origin),
        ]
        model = SPREAD_WEIGHTS.get(row["model"], row["model"].lower())
        score = rank[origin.split()[0]]
        held = found.setdefault(model, {})
        if seller not in held or held[seller][0] < score:
            held[seller] = (score, entry)
    return {
        "note": "USD per million tokens: host, input, output, cached read, index into sources",
        "dropped": sorted(DROPPED_SELLERS),
        "sources": sources,
        "models": {
            m: [entry for _, entry in sorted(held.values(), key=lambda e: e[1][0])] for m, held in sorted(found.items())
        },
    }


def main(folder: Path) -> None:
    """Write the snapshot and say how much it holds."""
    with (folder / "price_facts.csv").open(encoding="utf-8", newline="") as file:
        by_seller = offers(list(csv.DictReader(file)))
    with (folder / "open_provider_prices.csv").open(encoding="utf-8", newline="") as file:
        hosts = spreads(csv.DictReader(file))
    OUT.mkdir(parents=True, exist_ok=True)
    for seller, sheets in by_seller.items():
        (OUT / f"{seller}.toml").write_text(toml_text(seller, sheets), encoding="utf-8")
    models = ",\n".join(
        f"  {json.dumps(model)}: [\n    " + ",\n    ".join(json.dumps(e) for e in entries) + "\n  ]"
        for model, entries in hosts["models"].items()
    )
    head = json.dumps({k: v for k, v in hosts.items() if k != "models"}, indent=1)[:-2]
    (OUT / "spreads.json").write_text(head + ',\n "models": {\n' + models + "\n }\n}\n", encoding="utf-8")
    counts = [len(entries) for entries in hosts["models"].values()]
    print(
        f"{sum(map(len, by_seller.values()))} sheets of {len(by_seller)} sellers; "
        f"{sum(counts)} host prices of {len(counts)} models, median {statistics.median(counts):.0f} hosts"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

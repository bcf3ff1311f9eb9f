"""Rebuild the catalogue of models from a folder of config.json files and the index.csv beside them.

    python scripts/build_model_catalogue.py CONFIGS [--out src/tokenroof/catalog/data/models] [--as-of DATE]

index.csv has one row per config: id (a Hugging Face id), file, method, source_repo, source_path, source_commit,
published_total_B, published_active_B, published_context, published_source, licence_weights, note. Configs of
one shape and format whose names differ by a suffix such as -Instruct become one entry with several aliases.
"""

import argparse
import csv
import re
import sys
from dataclasses import replace
from pathlib import Path

from tokenroof.catalog.models.files import dump_json, model_to_json
from tokenroof.catalog.models.importer import load_config, model_from_config
from tokenroof.provenance import Fact, Grade
from tokenroof.types.model import Model

DEFAULT_OUT = Path(__file__).resolve().parent.parent / "src" / "tokenroof" / "catalog" / "data" / "models"
AS_OF = "2026-11-25"

# How a copy of a config came about -> how far the architecture can be trusted.
GRADES = {
    "verbatim": Grade.SPEC,
    "verbatim-dump": Grade.SPEC,
    "preset-dict": Grade.SPEC,
    "official-native": Grade.SPEC,
    "curated": Grade.REPORTED,
    "class-defaults": Grade.REPORTED,
    "class-defaults+fix": Grade.REPORTED,
    "derived": Grade.DERIVED,
    "reconstructed": Grade.REPORTED,
    "paper": Grade.REPORTED,
    "from-memory": Grade.ASSUMED,
}
# Suffixes that say how a checkpoint was trained, not how it is built.
TRAINING = re.compile(
    r"-(instruct|chat|base|thinking|it|hf|bf16|pt|80k|preview|rl-050826|8k)(?=-|$)|-(2507|2407|2501|2512|2603)(?=-|$)"
    r"|-v0\.[123](?=-|$)",
)
# Names that the rule would spoil, and the plain names that people use.
IDS = {
    "mistralai/Mistral-7B-v0.1": "mistral-7b-v0.1",
    "mistralai/Mistral-7B-Instruct-v0.2": "mistral-7b-v0.2",
    "mistralai/Mistral-7B-Instruct-v0.3": "mistral-7b-v0.3",
    "ai21labs/AI21-Jamba-1.5-Large": "jamba-1.5-large",
    "CohereForAI/c4ai-command-r-v01": "command-r",
    "CohereForAI/c4ai-command-r-plus": "command-r-plus",
    "mistralai/Mistral-Large-4-1T-A52B": "mistral-large-4",
    "nvidia/nemotron-ultra-rl-050826": "nemotron-3-ultra",
    "nvidia/Llama-3_3-Nemotron-Super-49B-v1": "llama-3.3-nemotron-super-49b",
    "sgl-project/DeepSeek-V4-Flash-FP8": "deepseek-v4-flash-fp8",
    "sgl-project/DeepSeek-V4-Pro-FP8": "deepseek-v4-pro-fp8",
}
# Copies that are known to cut the context short: the card's figure is taken instead, with a warning.
CUT_CONTEXTS = {"microsoft/Phi-3.5-mini-instruct"}
# Other names of a checkpoint that people type: Hugging Face ids of the same files, and short forms.
EXTRA_ALIASES = {
    "deepseek-v3": ("deepseek-ai/DeepSeek-V3-Base", "deepseek-ai/DeepSeek-V3-0324"),
    "deepseek-r1": ("deepseek-ai/DeepSeek-R1-0528",),
    "llama-3.1-405b": ("meta-llama/Llama-3.1-405B", "meta-llama/Llama-3.1-405B-Instruct",
                       "meta-llama/Meta-Llama-3.1-405B-Instruct"),
    "llama-3.1-70b": ("meta-llama/Llama-3.1-70B", "meta-llama/Meta-Llama-3.1-70B-Instruct"),
    "llama-3.1-8b": ("meta-llama/Llama-3.1-8B", "meta-llama/Meta-Llama-3.1-8B-Instruct"),
    "llama-3-70b": ("meta-llama/Meta-Llama-3-70B-Instruct",),
    "llama-3-8b": ("meta-llama/Meta-Llama-3-8B-Instruct",),
    "kimi-k2": ("moonshotai/Kimi-K2-Base",),
    "gpt-3-175b": ("gpt-3", "openai/gpt-3"),
}  # fmt: skip

# Checkpoints in a format of their own whose config is not in the folder: the build of another, and who says how.
_QWEN_FP8 = "blocks of 128 x 128: AI-Hypercomputer/maxtext pull request 5076, sgl-project/sglang pull request 18926"
_BLOCKS = dict.fromkeys(("attention", "dense", "experts", "shared_experts", "recurrent"), "fp8_block")
REQUANTISED = {
    "Qwen/Qwen3.5-397B-A17B-FP8": ("qwen3.5-397b-a17b", _BLOCKS, _QWEN_FP8),
    "Qwen/Qwen3.5-35B-A3B-FP8": ("qwen3.5-35b-a3b", _BLOCKS, _QWEN_FP8),
    "Qwen/Qwen3.5-27B-FP8": ("qwen3.5-27b", _BLOCKS, _QWEN_FP8),
}


def catalogue_id(name: str) -> str:
    """A kebab-case id for a Hugging Face id, without vendor prefixes and training suffixes."""
    if name in IDS:
        return IDS[name]
    text = re.sub(r"[^a-z0-9.]+", "-", name.rpartition("/")[2].lower()).strip("-")
    text = text.removeprefix("meta-").removeprefix("nvidia-")
    return TRAINING.sub("", text).strip("-") or text


def _same_build(a: Model, b: Model) -> bool:
    return replace(a, id="", name="", facts={}, source="", aliases=(), licence="", grade=Grade.ASSUMED, warnings=(),
                   context_advertised=None) == replace(b, id="", name="", facts={}, source="", aliases=(),
                                                       licence="", grade=Grade.ASSUMED, warnings=(),
                                                       context_advertised=None)  # fmt: skip


def _source(row: dict[str, str]) -> str:
    repo, path, commit = row["source_repo"], row["source_path"], row["source_commit"]
    place = repo if commit in ("", "-") else f"{repo}@{commit[:7]}"
    place = "no public copy found" if place in ("", "-") else place
    return f"{place} {path}".removesuffix(" -").strip() + f" ({row['method']})"


def _facts(row: dict[str, str], as_of: str) -> dict[str, Fact]:
    facts = {}
    for key, column, unit, scale in (
        ("published_total_params", "published_total_B", "param", 1e9),
        ("published_active_params", "published_active_B", "param", 1e9),
    ):
        if row[column]:
            value = round(float(row[column]) * scale)
            grade = Grade.REPORTED
            if "recalled" in row["published_source"]:
                grade = Grade.ASSUMED
            facts[key] = Fact(value=value, unit=unit, source=row["published_source"], as_of=as_of, grade=grade)
    return facts


def read_entry(folder: Path, row: dict[str, str], as_of: str) -> Model:
    """One row of index.csv as a catalogue entry."""
    model = model_from_config(
        load_config(folder / row["file"]), id=catalogue_id(row["id"]), name=row["id"], source=_source(row),
        as_of=as_of,
    )  # fmt: skip
    licence = row["licence_weights"]
    if row["id"] in CUT_CONTEXTS:
        published = int(float(row["published_context"]))
        cut = f"this copy says {model.context_config:,} tokens of context, the card {published:,}: the card's taken"
        model = replace(model, context_config=published, warnings=(*model.warnings, cut))
    return replace(
        model,
        aliases=(row["id"],),
        licence="" if "not seen" in licence else licence,
        context_advertised=int(float(row["published_context"])) if row["published_context"] else None,
        facts=_facts(row, as_of),
        grade=GRADES[row["method"]],
    )


def _requantised(name: str, like: Model, formats: dict[str, str], source: str) -> Model:
    """A checkpoint of another's structure; who reports the formats has not shown the file."""
    return replace(
        like, id=catalogue_id(name), name=name, aliases=(name,), weights=replace(like.weights, **formats),
        source=f"{source}; structure: {like.source}", grade=Grade.REPORTED,
    )  # fmt: skip


def build(folder: Path, as_of: str = AS_OF) -> dict[str, Model]:
    """All entries by id, those of one build merged."""
    entries: dict[str, Model] = {}
    with (folder / "index.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        model = read_entry(folder, row, as_of)
        known = entries.get(model.id)
        if known is None:
            entries[model.id] = model
        elif _same_build(known, model):
            better = min(known, model, key=lambda m: m.grade.rank)
            entries[model.id] = replace(better, aliases=known.aliases + model.aliases)
        else:
            plain = re.sub(r"[^a-z0-9.]+", "-", row["id"].rpartition("/")[2].lower()).strip("-")
            if plain in entries:
                raise SystemExit(f"two builds are called {plain}: {entries[plain].name} and {row['id']}")
            entries[plain] = replace(model, id=plain)
    for name, (like, formats, source) in REQUANTISED.items():
        entries[catalogue_id(name)] = _requantised(name, entries[like], formats, source)
    return {
        key: replace(model, aliases=model.aliases + EXTRA_ALIASES.get(key, ()))
        for key, model in sorted(entries.items())
    }


def index_of(entries: dict[str, Model]) -> dict[str, dict[str, str]]:
    """Lower-case names -> id."""
    aliases = {key: key for key in entries}
    for key, model in entries.items():
        for alias in model.aliases:
            for name in (alias.lower(), alias.lower().rpartition("/")[2]):
                aliases.setdefault(name, key)
    return {"aliases": dict(sorted(aliases.items()))}


def main() -> None:
    """Write one file per entry and the index; files of entries that are gone are removed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", type=Path)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--as-of", default=AS_OF)
    args = parser.parse_args()
    entries = build(args.configs, args.as_of)
    args.out.mkdir(parents=True, exist_ok=True)
    files = {f"{key}.json": dump_json(model_to_json(model)) for key, model in entries.items()}
    files["index.json"] = dump_json(index_of(entries))
    for stale in args.out.glob("*.json"):
        if stale.name not in files:
            stale.unlink()
    for name, text in files.items():
        (args.out / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(entries)} entries, {len(index_of(entries)['aliases'])} names\n")


if __name__ == "__main__":
    main()

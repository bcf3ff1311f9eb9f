"""Hold the reader of configs to the modelling library: build every type without weights, and compare the size.

`make oracle` runs it, in an environment of its own (extra `oracle`: transformers, torch). Every type that the
library knows is built from its class's defaults on the meta device, which holds shapes and no numbers; its
config is given to tokenroof as a published file would be. Each must come within 0.5 % or be refused.

    python scripts/oracle.py                      # print the verdicts
    python scripts/oracle.py --write              # write the table of docs/guide/models.md anew
    python scripts/oracle.py --keep truth.json    # keep what was built, and use it again
    python scripts/oracle.py --fixture            # write tests/fixtures/library_types.jsonl anew
"""

import argparse
import contextlib
import io
import json
import math
import os
import re
import sys
import textwrap
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
TOLERANCE = 0.005
GUIDE = Path(__file__).resolve().parent.parent / "docs" / "guide" / "models.md"
FIXTURE = GUIDE.parent.parent.parent / "tests" / "fixtures" / "library_types.jsonl"
# Keys that no reader of configs asks for; the fixture leaves them out.
NOISE = re.compile(r"_.*|.*dropout.*|.*_ids?$|.*_std$|id2label|label2id|return_.*|output_.*|.*initializer.*|.*pdrop"
                   r"|chunk_size_feed_forward|is_decoder|problem_type|.*_factor|.*_act(?:ivation)?|.*multiplier|.*_eps"
                   r"|rope_.*|use_cache|.*aux_loss.*|transformers_version|.*layernorm_epsilon|.*scaling.*"
                   r"|router_jitter.*")  # fmt: skip
MARKS = ("<!-- oracle -->", "<!-- /oracle -->")


def _class_of(model_type: str, config: Any) -> Any:
    """The library's class of a type: one that writes text, else the bare model."""
    from transformers.models.auto import modeling_auto as auto

    if hasattr(config, "vision_config"):
        with contextlib.suppress(KeyError):
            return auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[type(config)]
    masked = model_type in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", True)
    order = ("MODEL_FOR_CAUSAL_LM_MAPPING", "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING", "MODEL_MAPPING")
    for name in order[2:] if masked else order:
        with contextlib.suppress(KeyError):
            found = getattr(auto, name)[type(config)]
            return found[0] if isinstance(found, list | tuple) else found
    return None


def build(model_type: str) -> dict[str, Any]:
    """What the library makes of a type: its class, config and size, or why it makes nothing."""
    import torch
    from transformers import CONFIG_MAPPING

    try:
        config = CONFIG_MAPPING[model_type]()
        cls = _class_of(model_type, config)
        if cls is None:
            return {"type": model_type, "skipped": "no model class of its own"}
        with torch.device("meta"), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            model = cls._from_config(config) if hasattr(cls, "_from_config") else cls(config)
    except Exception as error:  # of 400 types some need packages that are not there, others have no defaults
        return {"type": model_type, "skipped": f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"}
    parts: Counter[str] = Counter()
    for name, weight in model.named_parameters():
        parts[".".join(re.sub(r"\.\d+\b", ".N", name).split(".")[:8])] += weight.numel()
    zero = getattr(config, "zero_expert_num", 0)
    for name in parts if zero else ():  # the build gives weights to experts that only pass their input on
        if name.endswith(".experts.gate_up_proj"):
            parts[name] = parts[name] * config.n_routed_experts // (config.n_routed_experts + zero)
    as_file = {**json.loads(config.to_json_string(use_diff=False)), "architectures": [cls.__name__]}
    return {"type": model_type, "class": cls.__name__, "config": as_file, "total": sum(parts.values()), "parts": parts}


def verdict(truth: dict[str, Any]) -> dict[str, Any]:
    """right, refused or wrong, with what was read or why not."""
    from tokenroof.catalog.models.importer import model_from_config
    from tokenroof.errors import TokenroofError
    from tokenroof.mixers.architecture import total_params

    try:
        model = model_from_config(truth["config"], name=truth["type"])
    except TokenroofError as error:
        return {**truth, "verdict": "refused", "why": str(error)}
    read = total_params(model) + model.vision_params
    off = read / truth["total"] - 1
    return {**truth, "verdict": "right" if abs(off) <= TOLERANCE else "wrong", "read": read, "off": off,
            "guessed": model.structure_guessed, "why": "; ".join(model.warnings)}  # fmt: skip


def truths(kept: Path | None, only: list[str]) -> Iterator[dict[str, Any]]:
    """The library's types in turn, from the file where they were kept."""
    if kept is not None and kept.is_file():
        rows = json.loads(kept.read_text(encoding="utf-8"))
        yield from (row for row in rows if not only or row["type"] in only)
        return
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    rows = []
    for model_type in sorted(only or CONFIG_MAPPING_NAMES):
        rows.append(build(model_type))
        yield rows[-1]
    if kept is not None and not only:
        kept.write_text(json.dumps(rows), encoding="utf-8")


def table(rows: list[dict[str, Any]], version: str) -> str:
    """The table of the guide: how many types are right, refused and wrong."""
    built = [row for row in rows if "skipped" not in row]
    counted = Counter(row["verdict"] for row in built)
    guessed = sum(row["verdict"] == "right" and row["guessed"] for row in built)
    right = textwrap.fill(", ".join(f"`{row['type']}`" for row in built if row["verdict"] == "right"), 118)
    return "\n".join([
        f"Types of transformers {version}, built from their classes' defaults: {len(built)} of {len(rows)}; the others",
        "build nothing alone.", "",
        "| verdict | types |", "| --- | --- |",
        f"| right: within {TOLERANCE * 100:g} % of the build | {counted['right']} (structure guessed: {guessed}) |",
        f"| refused, by name or key | {counted['refused']} |",
        f"| wrong | {counted['wrong']} |", "",
        "<details><summary>Types that are right</summary>", "", right, "", "</details>",
    ])  # fmt: skip


def _trimmed(config: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in config.items() if value is not None and not NOISE.fullmatch(key)}
    return {key: _trimmed(value) if isinstance(value, dict) else value for key, value in kept.items()}


def write_fixture(rows: list[dict[str, Any]]) -> None:
    """Types that are right, one a line: the config without what nobody reads, and the size that the library has."""
    lines = []
    for row in rows:
        if row.get("verdict") == "right":
            short = {**row, "config": _trimmed(row["config"])}
            config = short["config"] if verdict(short).get("read") == row["read"] else row["config"]
            lines.append(json.dumps({"type": row["type"], "total": row["total"], "config": config}))
    FIXTURE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def by_key_names(rows: list[dict[str, Any]]) -> str:
    """How far the sizes of text types that are right would be off if their families were not known."""
    from tokenroof.catalog.models.importer import model_from_config
    from tokenroof.errors import TokenroofError
    from tokenroof.mixers.architecture import total_params

    off = []
    for row in rows:
        text = row["config"].get("text_config", row["config"]) if row.get("verdict") == "right" else {}
        if not text or {"vision_config", "audio_config"} & set(row["config"]):
            continue
        unknown = {**text, "model_type": "unknown", "architectures": ["UnknownForCausalLM"]}
        with contextlib.suppress(TokenroofError):
            off.append(abs(math.log(total_params(model_from_config(unknown)) / row["total"])))
    off.sort()
    shares = ", ".join(f"{share:.0%} within {off[int(share * len(off))]:.4f}" for share in (0.5, 0.8, 0.9))
    return f"by key names alone: {len(off)} text types read, of which (natural logarithm) {shares}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("types", nargs="*", help="only these types")
    parser.add_argument("--keep", type=Path, help="a file of what was built")
    parser.add_argument("--write", action="store_true", help="write the guide's table anew")
    parser.add_argument("--fixture", action="store_true", help="write the fixture of the quick test anew")
    options = parser.parse_args()
    rows = []
    for truth in truths(options.keep, options.types):
        rows.append(truth if "skipped" in truth else verdict(truth))
        row = rows[-1]
        if "skipped" in row:
            continue
        size = (
            f"{row['read'] / 1e9:.4f} of {row['total'] / 1e9:.4f} B, {row['off']:+.2%}" if "read" in row else row["why"]
        )
        print(f"{row['verdict']:8} {row['type']:28} {row['class']:36} {size[:160]}")
    counted = Counter(row["verdict"] for row in rows if "skipped" not in row)
    print(", ".join(f"{name} {counted[name]}" for name in ("right", "refused", "wrong")))
    if not options.types:
        print(by_key_names(rows))
    if options.fixture:
        write_fixture(rows)
    if options.write:
        import transformers

        text = GUIDE.read_text(encoding="utf-8")
        before, rest = text.split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        GUIDE.write_text(
            f"{before}{MARKS[0]}\n{table(rows, transformers.__version__)}\n{MARKS[1]}{after}", encoding="utf-8"
        )
    return 1 if counted["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())

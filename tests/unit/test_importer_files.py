"""What comes in from disk and from the hub: refused with one line, whatever it is."""

import json
import os
import sys
import types
from pathlib import Path

import pytest

from tokenroof.catalog.models.importer import MAX_CONFIG_BYTES, load_config, parse_config
from tokenroof.catalog.models.importer_hub import fetch_config
from tokenroof.errors import InputError, TokenroofError, UnknownName
from tokenroof.usecases.listing.models import import_model


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_config(path)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 500
    return text


def test_a_directory(tmp_path: Path) -> None:
    assert "not a directory" in refused(tmp_path)


def test_no_such_file(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "nowhere.json")


def test_a_path_that_is_none(tmp_path: Path) -> None:
    assert "not a usable path" in refused(Path("a\0b"))


def test_a_device() -> None:
    assert "regular file" in refused(Path("/dev/null"))


def test_truncated_json(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"hidden_size": 64, "num_hid', encoding="utf-8")
    assert "cut off" in refused(file)


def test_a_weights_file(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(bytes(range(256)) * 10)
    assert "UTF-8" in refused(file)


def test_two_gigabytes_are_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    with file.open("wb") as stream:
        stream.truncate(2_000_000_000)  # sparse: no disk is used, and none is read
    assert "it holds 2,000,000,000" in refused(file)


def test_the_cap_itself(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    body = '{"a": "' + "x" * (MAX_CONFIG_BYTES - 9) + '"}'
    file.write_text(body, encoding="utf-8")
    assert os.path.getsize(file) == MAX_CONFIG_BYTES and load_config(file)["a"].startswith("xx")
    file.write_text(body + " ", encoding="utf-8")
    assert "at most 16,000,000 bytes" in refused(file)


@pytest.mark.parametrize(
    "text", ['{"a": 1, "hidden_size": 4096, "hidden_size": 64}', '{"a": {"b": 1, "c": 2, "b": 1}}']
)
def test_a_key_that_stands_twice(text: str) -> None:
    with pytest.raises(InputError, match="stands twice"):
        parse_config(text)


@pytest.mark.parametrize("text", ["[1, 2]", "3", "null", '"text"'])
def test_json_that_is_no_object(text: str) -> None:
    with pytest.raises(InputError, match="JSON object"):
        parse_config(text)


@pytest.mark.parametrize("depth", [100, 5_000, 200_000])
def test_deep_nesting(depth: int) -> None:
    with pytest.raises(InputError, match="nested"):
        parse_config('{"a":' * depth + "1" + "}" * depth)
    with pytest.raises(InputError, match="nested"):
        parse_config('{"a":' + "[" * depth + "]" * depth + "}")


def test_numbers_with_ten_thousand_digits() -> None:
    with pytest.raises(InputError, match="sane length"):
        parse_config('{"hidden_size": ' + "9" * 10_000 + "}")


def test_bare_infinity_and_a_byte_order_mark_are_accepted() -> None:
    config = parse_config(b"\xef\xbb\xbf" + b'{"time_step_limit": [0.0, Infinity]}')
    assert config == {"time_step_limit": [0.0, float("inf")]}


# ---------------------------------------------------------------- the hub, without one


def hub(monkeypatch: pytest.MonkeyPatch, download: object) -> None:
    client, errors = types.ModuleType("huggingface_hub"), types.ModuleType("huggingface_hub.errors")

    class EntryNotFoundError(Exception):
        pass

    errors.EntryNotFoundError = EntryNotFoundError  # type: ignore[attr-defined]
    client.hf_hub_download = download  # type: ignore[attr-defined]
    client.errors = errors  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"tokenroof\[hub\]"):
        fetch_config("some/model")


def test_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(repo: str, name: str) -> str:
        raise ConnectionError("cannot reach\nthe host " + "x" * 1_000)

    hub(monkeypatch, download)
    with pytest.raises(InputError) as caught:
        fetch_config("some/model")
    assert "cannot reach the host" in str(caught.value) and "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_lost_connection_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class LocalEntryNotFoundError(Exception):
        pass

    def download(repo: str, name: str) -> str:
        raise LocalEntryNotFoundError("An error happened while trying to locate the file on the Hub")

    hub(monkeypatch, download)
    with pytest.raises(InputError, match="no network, or the hub does not answer"):
        fetch_config("some/model")


def test_a_config_from_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "0123456789abcdef"
    folder.mkdir()
    config = {"model_type": "llama", "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2,
              "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 512, "tie_word_embeddings": False,
              "torch_dtype": "bfloat16"}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")

    def download(repo: str, name: str) -> str:
        if name != "config.json":
            raise sys.modules["huggingface_hub.errors"].EntryNotFoundError
        return str(folder / name)

    hub(monkeypatch, download)
    model = import_model("some/Tiny_Model", online=True)
    assert (model.id, model.name) == ("tiny-model", "some/Tiny_Model")
    assert model.source == "huggingface.co/some/Tiny_Model@0123456 config.json"


def test_nothing_is_fetched_unless_asked() -> None:
    with pytest.raises(UnknownName, match="`online`"):
        import_model("some/model-that-nobody-has")
    assert import_model("deepseek-ai/DeepSeek-V3").id == "deepseek-v3"
    with pytest.raises(TokenroofError, match="Hugging Face id"):
        import_model("not an id", online=True)

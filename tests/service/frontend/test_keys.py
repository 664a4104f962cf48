"""The key file: strict, written in one step, and without a key in it."""

import json
from pathlib import Path

import pytest

from codec.errors import ConfigError, InvalidRequestError, NotFoundError
from service.config import CallerLimits
from service.frontend.keys import Scope, add_key, digest_of, new_key, read_keys, remove_key

_LINE = {"name": "a", "sha256": "0" * 64, "scopes": ["encode"]}


def test_a_key_is_written_as_its_digest_only(tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    limits = CallerLimits(max_streams=3, audio_seconds_per_second=2.5)
    first = add_key(path, "voice-team", [Scope.STREAM, Scope.ENCODE], limits)
    second = add_key(path, "corpus", [Scope.ENCODE], CallerLimits())
    content = path.read_text()
    assert first not in content
    assert second not in content
    assert path.stat().st_mode & 0o077 == 0
    voice, corpus = read_keys(path)
    assert (voice.name, voice.digest, voice.limits) == ("voice-team", digest_of(first), limits)
    assert voice.scopes == {Scope.STREAM, Scope.ENCODE}
    assert (corpus.name, corpus.digest, corpus.limits) == ("corpus", digest_of(second), CallerLimits())
    assert [path.name for path in tmp_path.iterdir()] == ["keys.jsonl"]


def test_keys_are_random_and_fit_into_a_header() -> None:
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    for key in keys:
        assert key.startswith("cdk_")
        assert len(key) == 47
        assert key.isascii()
        assert key.isprintable()


def test_a_name_is_taken_once_and_can_be_given_back(tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    add_key(path, "a", [Scope.ENCODE], CallerLimits())
    add_key(path, "b", [Scope.ENCODE], CallerLimits())
    path.chmod(0o640)
    with pytest.raises(InvalidRequestError, match="has a key of a"):
        add_key(path, "a", [Scope.ENCODE], CallerLimits())
    remove_key(path, "a")
    assert [entry.name for entry in read_keys(path)] == ["b"]
    assert path.stat().st_mode & 0o777 == 0o640
    with pytest.raises(NotFoundError, match="no key of a"):
        remove_key(path, "a")


@pytest.mark.parametrize("name", ["", "a b", "a\n", "-a", "ä", "a" * 65])
def test_a_name_that_would_confuse_logs_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequestError, match="name"):
        add_key(tmp_path / "keys.jsonl", name, [Scope.ENCODE], CallerLimits())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        {"name": None},
        {"sha256": "0" * 63},
        {"sha256": "A" * 64},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"limits": {"max_streams": -1}},
        {"limits": {"requests_per_second": 0}},
        {"limits": {"streams": 1}},
        {"key": "cdk_secret"},
    ],
)
def test_a_line_that_is_no_entry_is_named_but_not_shown(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "keys.jsonl"
    path.write_text(json.dumps(_LINE) + "\n\n" + json.dumps(_LINE | {"name": "b"} | change))
    with pytest.raises(ConfigError, match="line 3") as caught:
        read_keys(path)
    assert "cdk_secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(("change", "what"), [({"name": "b"}, "key"), ({"sha256": "1" * 64}, "name")])
def test_names_and_keys_occur_once(tmp_path: Path, change: dict[str, str], what: str) -> None:
    path = tmp_path / "keys.jsonl"
    path.write_text("\n".join([json.dumps(_LINE), json.dumps(_LINE | change)]))
    with pytest.raises(ConfigError, match=f"has a {what} twice"):
        read_keys(path)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[]", b"{", b"name: a", b"\x00"])
def test_what_is_no_json_at_all_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="line 1"):
        read_keys(path)

"""`codecd keys`: a key is shown once, and the file says the rest."""

import argparse
from pathlib import Path

import pytest

from codec.errors import ConfigError, InvalidRequestError, NotFoundError
from service.config import CallerLimits
from service.frontend.keys import Scope, digest_of, read_keys
from service.keys_cli import register_keys


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    register_keys(parser.add_subparsers())
    parsed = parser.parse_args(["keys", *arguments])
    status: int = parsed.run(parsed)
    return status


def test_a_key_is_made_listed_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "keys.jsonl")
    assert run("add", file, "--name", "voice") == 0
    key = capsys.readouterr().out.strip()
    limits = ("--max-streams", "3", "--request-rate", "10", "--audio-rate", "2.5", "--queued-audio", "60")
    assert run("add", file, "--name", "corpus", "--scopes", "encode", "decode", *limits) == 0
    capsys.readouterr()
    voice, corpus = read_keys(Path(file))
    assert voice.digest == digest_of(key)
    assert voice.scopes == set(Scope)
    assert corpus.scopes == {Scope.ENCODE, Scope.DECODE}
    assert corpus.limits == CallerLimits(
        max_streams=3,
        requests_per_second=10,
        audio_seconds_per_second=2.5,
        max_queued_audio_seconds=60,
    )
    assert run("list", file) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[0] == "voice  encode,decode,stream  no limits of its own"
    assert listed[1].startswith("corpus  encode,decode  max_streams=3 requests_per_second=10 ")
    assert key not in "".join(listed)
    assert run("remove", file, "--name", "voice") == 0
    assert [entry.name for entry in read_keys(Path(file))] == ["corpus"]


def test_what_cannot_be_is_an_error_with_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "keys.jsonl"
    with pytest.raises(InvalidRequestError, match="requests_per_second"):
        run("add", str(file), "--name", "a", "--request-rate", "-1")
    with pytest.raises(InvalidRequestError, match="name"):
        run("add", str(file), "--name", "a b")
    with pytest.raises(FileNotFoundError):
        run("list", str(file))
    file.write_text("{}")
    with pytest.raises(ConfigError, match="line 1"):
        run("list", str(file))
    file.write_text("")
    with pytest.raises(NotFoundError, match="no key of a"):
        run("remove", str(file), "--name", "a")


def test_an_unknown_scope_is_a_wrong_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("add", str(tmp_path / "keys.jsonl"), "--name", "a", "--scopes", "everything")
    assert caught.value.code == 2
    assert "stream" in capsys.readouterr().err

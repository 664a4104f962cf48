"""Options that several commands share."""

from argparse import ArgumentParser
from pathlib import Path

import pytest

from codec.commands.options import (
    SHIPPED_REPOSITORY,
    add_model,
    add_overwrite,
    refuse_existing,
    repository_of,
)
from codec.errors import InvalidRequestError
from tests.support import REPOSITORY_ROOT


@pytest.fixture
def parser() -> ArgumentParser:
    made = ArgumentParser()
    add_model(made)
    add_overwrite(made)
    return made


def test_the_repository_is_the_option_then_the_environment_then_the_shipped_one(
    parser: ArgumentParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODECD_REPOSITORY", "/from/environment")
    assert repository_of(parser.parse_args(["--repository", "/given"])) == Path("/given")
    assert repository_of(parser.parse_args([])) == Path("/from/environment")
    monkeypatch.setenv("CODECD_REPOSITORY", "")
    assert repository_of(parser.parse_args([])) == SHIPPED_REPOSITORY
    monkeypatch.delenv("CODECD_REPOSITORY")
    assert repository_of(parser.parse_args([])) == REPOSITORY_ROOT / "models"


def test_files_that_exist_are_kept_unless_forced(parser: ArgumentParser, tmp_path: Path) -> None:
    assert not parser.parse_args([]).force
    refuse_existing(tmp_path / "new", force=False)
    (tmp_path / "old").touch()
    refuse_existing(tmp_path / "old", force=parser.parse_args(["--force"]).force)
    with pytest.raises(InvalidRequestError, match="old exists; use --force to overwrite it"):
        refuse_existing(tmp_path / "old", force=False)

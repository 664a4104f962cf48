import os
from pathlib import Path

import pytest

from codec.atomic import open_plain, replacing


def test_the_old_content_stays_until_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with replacing(target) as draft:
        draft.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def fail_half_way(target: Path) -> None:
    with replacing(target) as draft:
        draft.write_text("half")
        raise RuntimeError("half way")


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_an_error_before_anything_was_written_is_the_one_that_rises(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="early"), replacing(tmp_path / "a.txt"):
        raise RuntimeError("early")


def test_a_plain_file_is_opened_through_a_link_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("content")
    (tmp_path / "link").symlink_to("a.txt")
    with open_plain(tmp_path / "link") as file:
        assert file.read() == b"content"


def test_what_could_be_read_for_ever_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match="no plain file"):
            open_plain(path)
    with pytest.raises(FileNotFoundError):
        open_plain(tmp_path / "absent")

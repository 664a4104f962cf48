"""Changed files are read once per change; what cannot be read leaves things as they were."""

import os
from pathlib import Path

import pytest

from codec.errors import ConfigError
from service.frontend.file_watch import FileWatch


class Reader:
    """Reads a file, and refuses one that says `broken`."""

    def __init__(self, path: Path) -> None:
        self.contents: list[str] = []
        self.failures: list[str] = []
        self._path = path

    def read(self) -> None:
        content = self._path.read_text()
        if content == "broken":
            raise ConfigError("broken")
        self.contents.append(content)


def test_a_file_is_read_at_the_start_and_at_every_change(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    reader = Reader(path)
    watch = FileWatch("things", [path], reader.read, reader.failures.append)
    watch.check()
    assert reader.contents == ["one"]
    path.write_text("three")
    watch.check()
    watch.check()
    other = tmp_path / "other"
    other.write_text("three")
    os.replace(other, path)
    watch.check()
    assert reader.contents == ["one", "three", "three"]
    assert not reader.failures


@pytest.mark.parametrize("spoil", ["broken", "gone"])
def test_a_change_for_the_worse_is_told_once_and_left_out(
    tmp_path: Path, spoil: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    reader = Reader(path)
    watch = FileWatch("things", [path], reader.read, reader.failures.append)
    if spoil == "gone":
        path.unlink()
    else:
        path.write_text("broken")
    watch.check()
    watch.check()
    assert (reader.contents, reader.failures) == (["one"], ["things"])
    assert len(caplog.records) == 1
    path.write_text("well again")
    watch.check()
    assert reader.contents == ["one", "well again"]


def test_what_is_broken_from_the_start_rises(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError):
        FileWatch("things", [tmp_path / "nothing"], reader.read, reader.failures.append)

"""Files of weights are read without running what they hold."""

import os
import pickle
import random
from pathlib import Path

import pytest
import torch

from codec.errors import ForeignModelError
from codec.importers.state_dict import read_state_dict, reference_modules, renamed
from codec.seanet_network_config import SeanetConfig


class Hostile:
    """Runs a command when unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("protocol", [None, 0, 2, 5], ids=["torch file", "0", "2", "5"])
def test_a_hostile_pickle_is_refused_and_not_run(tmp_path: Path, protocol: int | None) -> None:
    mark, path = tmp_path / "run", tmp_path / "model.pth"
    content = {"encoder": Hostile(mark)}
    if protocol is None:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol))
    with pytest.raises(ForeignModelError, match="is no checkpoint"):
        read_state_dict(path)
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04.", b"hello", bytes(1000)])
def test_files_that_are_no_checkpoint_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pth").write_bytes(content)
    with pytest.raises(ForeignModelError, match=r"model\.pth"):
        read_state_dict(tmp_path / "model.pth")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save({"a": torch.zeros(1000)}, path)
    whole = path.read_bytes()
    for size in range(0, len(whole), len(whole) // 20):
        path.write_bytes(whole[:size])
        with pytest.raises(ForeignModelError):
            read_state_dict(path)


def test_a_damaged_file_is_read_or_refused(tmp_path: Path) -> None:
    """Anything but our own error would end the test."""
    path, source, refused = tmp_path / "model.pth", random.Random(0), 0
    torch.save({"a": torch.zeros(4), "b": torch.ones(2, 3)}, path)
    whole = path.read_bytes()
    for _ in range(1000):
        damaged = bytearray(whole)
        for _ in range(source.choice([1, 2, 8])):
            damaged[source.randrange(len(whole))] = source.randrange(256)
        path.write_bytes(damaged)
        try:
            read_state_dict(path)
        except ForeignModelError:
            refused += 1
    assert 100 < refused < 1000


@pytest.mark.parametrize("content", [[1], {}, {"a": 1}, {1: torch.zeros(1)}, torch.zeros(3)])
def test_what_is_no_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(ForeignModelError, match="give the file of the model's weights"):
        read_state_dict(tmp_path / "model.pth")


def test_modules_are_numbered_as_in_the_reference() -> None:
    """FunCodec's fact sheet: one unit, four stages, LSTM."""
    theirs = [name for name, _ in reference_modules(SeanetConfig())]
    downs = [name for name, ours in reference_modules(SeanetConfig()) if ours.endswith("resample")]
    assert downs == [
        *(f"encoder.model.{n}.conv" for n in (3, 6, 9, 12)),
        *(f"decoder.model.{n}.convtr" for n in (3, 6, 9, 12)),
    ]
    assert "encoder.model.13.lstm" in theirs
    assert "encoder.model.15.conv" in theirs
    assert "decoder.model.1.lstm" in theirs
    assert len(set(theirs)) == len(theirs) == 2 * (1 + 4 * 4 + 1 + 1)


def test_tensors_that_no_module_owns_are_left() -> None:
    state = {"a.0.conv.conv.weight": torch.zeros(1), "a.0.conv.norm.bias": torch.ones(1), "b": torch.zeros(2)}
    ours, left = renamed(state, iter([("a.0.conv", "x.enter")]))
    assert set(ours) == {"x.enter.convolution.weight", "x.enter.norm.bias"}
    assert set(left) == {"b"}

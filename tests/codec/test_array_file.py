"""Integers in `.npy` files are read, and whatever else a file claims to be is refused in flat memory."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.array_file import read_integers
from codec.errors import InvalidTokensError


@pytest.mark.parametrize("dtype", ["<u2", ">i4", "u1", "<i8"])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (0, 7)])
def test_what_numpy_wrote_is_read(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    np.save(tmp_path / "a.npy", np.asfortranarray(values))
    assert np.array_equal(read_integers(tmp_path / "a.npy"), values)


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros(3, bool), np.array(["a"]), np.zeros(2, "u2,u2")])
def test_other_types_are_refused(tmp_path: Path, values: np.ndarray[tuple[int], np.dtype[np.void]]) -> None:
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(InvalidTokensError, match="write integers"):
        read_integers(tmp_path / "a.npy")


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidTokensError, match="write integers"):
        read_integers(tmp_path / "a.npy")


@pytest.mark.parametrize("size", ["9" * 30, "4611686018427387904", "-3"])
def test_a_header_that_claims_too_much_is_refused(tmp_path: Path, size: str) -> None:
    np.save(tmp_path / "a.npy", np.zeros((1000000, 2), np.uint16)[:1])
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"(1, 2)", f"({size}, 2)".encode()))
    with pytest.raises(InvalidTokensError):
        read_integers(tmp_path / "a.npy")


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 130), byte=st.integers(0, 255), cut=st.integers(0, 140))
def test_a_changed_file_is_an_array_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, cut: int
) -> None:
    path = tmp_path_factory.mktemp("arrays") / "a.npy"
    np.save(path, np.arange(6, dtype=np.uint16).reshape(2, 3))
    content = bytearray(path.read_bytes())
    content[place] = byte
    path.write_bytes(bytes(content[: len(content) - cut]))
    with contextlib.suppress(InvalidTokensError):
        assert read_integers(path).dtype.kind in "iu"

"""Tables on disk: what is read is what was written, and nothing else is read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from codec.entropy import TABLES_FILE, EntropyTables, load_tables
from codec.entropy.tables import MAX_FILE_BYTES
from codec.errors import InvalidTokensError, RepositoryError
from tests.codec.entropy.samples import fixed_tables

NAMES = ("frequencies", "previous", "first", "shape")


def tensors(tables: EntropyTables) -> dict[str, NDArray[np.uint16]]:
    return {name: getattr(tables, name).copy() for name in NAMES}


def test_tables_come_back_from_a_file(tmp_path: Path) -> None:
    tables = fixed_tables()
    tables.save(tmp_path / TABLES_FILE)
    loaded = load_tables(tmp_path / TABLES_FILE)
    assert loaded.tables_id == tables.tables_id
    assert (loaded.codebooks, loaded.codebook_size) == (3, 8)
    for name in NAMES:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(tables, name))


def test_the_id_names_the_content() -> None:
    tables = fixed_tables()
    assert len(tables.tables_id) == 8
    frequencies = tables.frequencies.copy()
    frequencies[0, :2] += np.array([1, 65535], np.uint16)
    assert replace(tables, frequencies=frequencies).tables_id != tables.tables_id
    assert replace(tables, previous=tables.previous.copy()).tables_id == tables.tables_id


def test_contexts_are_the_rule_of_the_format() -> None:
    tables = fixed_tables()
    codes = np.array([[1, 7, 2], [3, 3, 0]], np.uint16)
    # The first codebook has 3 tables, chosen by the code before it; those of the second follow.
    assert tables.contexts(0, codes[0], codes[0]).tolist() == [8 % 3, 1 % 3, 7 % 3]
    first = [(5 + 1) % 3, (35 + 1) % 3, (10 + 1) % 3]
    before = [(8 * 2 + 1) % 2, (3 * 2 + 1) % 2, (3 * 2 + 1) % 2]
    expected = [3 + p * 3 + f for p, f in zip(before, first, strict=True)]
    assert tables.contexts(1, codes[1], codes[0]).tolist() == expected


@pytest.mark.parametrize(
    ("name", "index", "value", "complaint"),
    [
        ("frequencies", (0, 1), 0, "at least 1"),
        ("frequencies", (0, 1), 9, "sum up to 65536"),
        ("previous", (1, 8), 2, "previous names clusters"),
        ("first", (2, 0), 3, "first names clusters"),
        ("shape", (0, 1), 2, "no context of itself"),
        ("shape", (1, 0), 0, "every codebook has a cluster"),
        ("shape", (1, 0), 65535, "do not fit the clusters"),
    ],
)
def test_damaged_values_are_refused(
    tmp_path: Path, name: str, index: tuple[int, int], value: int, complaint: str
) -> None:
    content = tensors(fixed_tables())
    content[name][index] = value
    with pytest.raises(InvalidTokensError, match=complaint):
        EntropyTables(**content)
    save_file(content, tmp_path / TABLES_FILE)
    with pytest.raises(RepositoryError, match=rf"{TABLES_FILE}: .*{complaint}.*fit the tables again"):
        load_tables(tmp_path / TABLES_FILE)


@pytest.mark.parametrize("name", NAMES)
def test_other_types_and_shapes_are_refused(name: str) -> None:
    content = tensors(fixed_tables())
    for wrong in (
        content[name].astype(np.int32),
        content[name].astype(np.float32),
        content[name][0],
        content[name][:0],
        content[name][:, :-1],
        content[name][:, :0],
    ):
        with pytest.raises(InvalidTokensError):
            EntropyTables(**{**content, name: wrong})  # type: ignore[arg-type]


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    path = tmp_path / TABLES_FILE
    with pytest.raises(RepositoryError, match="cannot be read"):
        load_tables(path)
    content = tensors(fixed_tables())
    for extra in ({"more": content["first"]}, {}):
        short = {name: value for name, value in content.items() if extra or name != "shape"}
        save_file({**short, **extra}, path)
        with pytest.raises(RepositoryError, match=r"holds .* fit the tables again"):
            load_tables(path)
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(RepositoryError, match="is larger than"):
        load_tables(path)


def test_mutated_files_give_tables_or_an_error(tmp_path: Path) -> None:
    path = tmp_path / TABLES_FILE
    fixed_tables().save(path)
    sound = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(500):
        data = bytearray(sound[: rng.integers(1, len(sound) + 1)] if rng.random() < 0.2 else sound)
        for _ in range(rng.integers(1, 4)):
            data[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(data)
        try:
            tables = load_tables(path)
        except RepositoryError:
            refused += 1
        else:
            tables.coder().encode(np.zeros((tables.codebooks, 3), np.uint16))
    assert refused > 400

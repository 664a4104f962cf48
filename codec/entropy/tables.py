"""The frequency tables of a model: checked, stored, and named by their content."""

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from codec.entropy.coder import EntropyCoder
from codec.entropy.row import TOTAL
from codec.errors import InvalidTokensError, RepositoryError
from codec.tokens import MAX_CODEBOOK_SIZE, MAX_CODEBOOKS, Codes

TABLES_FILE = "tables.safetensors"
MAX_FILE_BYTES = 2**26

Table = NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class EntropyTables:
    """Integer tables uint16 for all codebooks of a model, and which of them codes a frame.

    `frequencies`: `[table, code]`, the tables of the first codebook first; `previous`: cluster of the code
    before, `[codebook, code]` with one more column for the start of a block; `first`: cluster of the first
    codebook's code, `[codebook, code]`; `shape`: clusters of either kind, `[codebook, 2]`.
    docs/file-format.md says how they are used. Raises `InvalidTokensError` for tables that could not code
    every code.
    """

    frequencies: Table
    previous: Table
    first: Table
    shape: Table

    def __post_init__(self) -> None:
        for field in fields(self):
            tensor = getattr(self, field.name)
            if tensor.dtype != np.uint16 or tensor.ndim != 2:
                raise InvalidTokensError(f"{field.name} is {tensor.dtype} {tensor.shape}, not a u16 matrix")
        self._check_shapes()
        if int(self.frequencies.min()) == 0 or (self.frequencies.sum(axis=1, dtype=np.int64) != TOTAL).any():
            raise InvalidTokensError(f"frequencies must be at least 1 and sum up to {TOTAL}")
        for name, clusters, limits in (
            ("previous", self.previous, self.shape[:, :1]),
            ("first", self.first, self.shape[:, 1:]),
        ):
            if (clusters >= limits).any():
                raise InvalidTokensError(f"{name} names clusters that do not exist")

    def _check_shapes(self) -> None:
        codebooks, size = self.codebooks, self.codebook_size
        if not 1 <= codebooks <= MAX_CODEBOOKS or not 2 <= size <= MAX_CODEBOOK_SIZE:
            raise InvalidTokensError(f"there are no models with {codebooks} codebooks of {size}")
        wanted = {"previous": (codebooks, size + 1), "first": (codebooks, size), "shape": (codebooks, 2)}
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise InvalidTokensError(f"{name} has shape {getattr(self, name).shape}, not {shape}")
        if int(self.shape.min()) == 0 or self.shape[0, 1] != 1:
            raise InvalidTokensError("every codebook has a cluster, and the first is no context of itself")
        if int(self._tables_of.sum()) != len(self.frequencies):
            raise InvalidTokensError(f"{len(self.frequencies)} tables do not fit the clusters")

    @property
    def codebooks(self) -> int:
        """Codebooks that can be coded."""
        return len(self.previous)

    @property
    def codebook_size(self) -> int:
        """Entries of each codebook."""
        return int(self.frequencies.shape[1])

    @cached_property
    def tables_id(self) -> bytes:
        """8 bytes that name the content: of a SHA-256 over name, shape and values of each tensor."""
        digest = hashlib.sha256()
        for field in fields(self):
            tensor = getattr(self, field.name)
            digest.update(f"{field.name} {tensor.shape[0]} {tensor.shape[1]}\n".encode())
            digest.update(tensor.astype("<u2").tobytes())
        return digest.digest()[:8]

    def coder(self) -> EntropyCoder:
        """The coder with these tables, always the same one: what it unfolds serves every file."""
        return self._coder

    @cached_property
    def _coder(self) -> EntropyCoder:
        return EntropyCoder(self)

    def contexts(self, codebook: int, row: Codes, first_row: Codes) -> NDArray[np.int64]:
        """The table of every frame of a row, as rows of `frequencies`."""
        before = np.empty(len(row), np.int64)
        before[:1] = self.codebook_size
        before[1:] = row[:-1]
        steps = self.context_steps(codebook)[before]
        return np.asarray(self.first_contexts(codebook, first_row) + steps, np.int64)

    def first_contexts(self, codebook: int, first_row: Codes) -> NDArray[np.int64]:
        """The part of `contexts` that the first row decides."""
        base = int(self._tables_of[:codebook].sum())
        return np.asarray(self.first[codebook, first_row].astype(np.int64) + base, np.int64)

    def context_steps(self, codebook: int) -> NDArray[np.int64]:
        """The part of `contexts` that the code before decides, for every code and the start of a block."""
        return np.asarray(self.previous[codebook].astype(np.int64) * int(self.shape[codebook, 1]), np.int64)

    def save(self, path: Path) -> None:
        """Write the tables to a safetensors file."""
        path.write_bytes(save_tensors({field.name: getattr(self, field.name) for field in fields(self)}))

    @property
    def _tables_of(self) -> NDArray[np.int64]:
        return np.asarray(self.shape.prod(axis=1, dtype=np.int64), np.int64)


def load_tables(path: Path) -> EntropyTables:
    """The tables of a version. Raises `RepositoryError` if they cannot be read or used."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise RepositoryError(f"{path.name} is larger than {MAX_FILE_BYTES} bytes; fit the tables again")
        tensors = load_tensors(content)
    except (SafetensorError, OSError, KeyError) as error:
        raise RepositoryError(f"{path.name} cannot be read: {error}; publish the version again") from error
    wanted = [field.name for field in fields(EntropyTables)]
    if sorted(tensors) != sorted(wanted):
        raise RepositoryError(f"{path.name} holds {sorted(tensors)}, not {wanted}; fit the tables again")
    try:
        return EntropyTables(**tensors)
    except InvalidTokensError as error:
        raise RepositoryError(f"{path.name}: {error}; fit the tables again") from error

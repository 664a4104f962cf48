"""The entropy tables of published versions, for token files that were compressed with them."""

from functools import lru_cache
from pathlib import Path

from codec.container import CdcHeader, RowCoder
from codec.entropy import TABLES_FILE, load_tables
from codec.errors import ContainerError
from codec.manifest import is_model_name, is_version_name
from codec.repository import Repository

_MAX_LOADED = 8
"""Versions whose tables stay in memory: about 10 MB each when unfolded."""


class Tables:
    """What decodes the rows of compressed files; loaded when a file first needs them, by any thread."""

    def __init__(self, repository: Path) -> None:
        self._repository = Repository(repository)
        self._coder = lru_cache(_MAX_LOADED)(self._load)

    def coder_of(self, header: CdcHeader) -> RowCoder | None:
        """The coder that a file's rows need; None for a file that needs none.

        Raises `ContainerError` for a version that cannot be, or has no tables, and `NotFoundError` for one
        that is not in the repository.
        """
        if header.tables_id is None:
            return None
        return self._coder(header.identity.model, header.identity.version)

    def _load(self, model: str, version: str) -> RowCoder:
        # The names are what somebody wrote into a file.
        if not is_model_name(model) or not is_version_name(version):
            raise ContainerError(f"{model}@{version} names no version; encode the audio again")
        tables = self._repository.resolve(f"{model}@{version}").path / TABLES_FILE
        if not tables.exists():
            raise ContainerError(f"{model}@{version} has no entropy tables; encode the audio again")
        return load_tables(tables).coder()

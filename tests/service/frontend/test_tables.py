"""Compressed token files are decoded with the tables of the version that they name, and with no others."""

from pathlib import Path

import httpx
import numpy as np
import pytest

from codec.container import CdcHeader, CdcReader, read_cdc, write_cdc
from codec.entropy import TABLES_FILE, EntropyTables, fit_tables
from codec.errors import ContainerError, NotFoundError
from codec.tokens import TokenIdentity, Tokens
from service.frontend.tables import Tables
from tests.codec.models import publish_tiny
from tests.service.frontend.harness import Service, running, wav

CODEBOOK_SIZE = 1024


@pytest.fixture(scope="module")
def tables() -> EntropyTables:
    """Tables for codes that are mostly small, as those of nobody's model."""
    codes = np.random.default_rng(0).geometric(0.05, (8, 4000)).clip(max=CODEBOOK_SIZE - 1)
    return fit_tables([codes.astype(np.uint16)], CODEBOOK_SIZE)


def compressed(tables: EntropyTables, sample: bytes) -> tuple[bytes, bytes]:
    """The tokens of a `.cdc` file with small codes in them: packed, and compressed."""
    given = read_cdc(sample)
    codes = np.random.default_rng(1).geometric(0.05, given.codes.shape).clip(max=CODEBOOK_SIZE - 1)
    tokens = Tokens(
        codes.astype(np.uint16),
        given.identity,
        given.sample_rate,
        given.hop_samples,
        given.n_samples,
        CODEBOOK_SIZE,
    )
    return write_cdc(tokens), write_cdc(tokens, tables.coder())


def test_a_compressed_body_gives_what_the_packed_one_gives(tables: EntropyTables) -> None:
    with running() as service:
        sample = httpx.post(f"{service.url}/encode?n_q=8", content=wav(2.0)).content
        packed, small = compressed(tables, sample)
        assert len(small) < 0.8 * len(packed)
        refused = httpx.post(f"{service.url}/decode", content=small)
        assert refused.status_code == 404
        assert "no model" in refused.json()["error"]["message"]
        folder = version_folder(service, sample)
        folder.mkdir(parents=True)
        tables.save(folder / TABLES_FILE)
        answers = [httpx.post(f"{service.url}/decode", content=body) for body in (packed, small)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].content == answers[1].content


def version_folder(service: Service, sample: bytes) -> Path:
    """Where the version that made a file would lie."""
    with CdcReader(sample) as reader:
        identity = reader.header.identity
    return service.repository / identity.model / "versions" / identity.version


def test_names_out_of_a_file_reach_no_other_folder(tables: EntropyTables, tmp_path: Path) -> None:
    version = publish_tiny(tmp_path / "models")
    tables.save(tmp_path / TABLES_FILE)
    shelf = Tables(tmp_path / "models")
    with CdcReader(write_cdc(tokens_of(version.model, version.version), tables.coder())) as reader:
        with pytest.raises(ContainerError, match="has no entropy tables"):
            shelf.coder_of(reader.header)
        assert shelf.coder_of(CdcHeader(reader.header.identity, reader.header.format, 2)) is None
    for model, name in (
        ("..", version.version),
        ("../..", "x"),
        ("tiny", "../../.."),
        ("other", version.version),
    ):
        with (
            CdcReader(write_cdc(tokens_of(model, name), tables.coder())) as reader,
            pytest.raises((NotFoundError, ContainerError)),
        ):
            shelf.coder_of(reader.header)


def tokens_of(model: str, version: str) -> Tokens:
    codes = np.zeros((2, 50), np.uint16)
    return Tokens(codes, TokenIdentity(model, version, "ts-0"), 16000, 320, 16000, CODEBOOK_SIZE)

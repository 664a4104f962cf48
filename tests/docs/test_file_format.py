"""docs/file-format.md is enough to read files: a reader made from it agrees with the library."""

import ast
import binascii
import io
import re
import zlib
from pathlib import Path

import numpy as np
import pytest

from codec.container import CdcHeader, CdcReader, CdcWriter, read_cdc, thin_cdc, write_cdc
from codec.entropy import fit_tables, load_tables
from codec.side import SideFormat
from codec.tokens import Codes, TokenIdentity, Tokens
from tests.codec.container.samples import (
    FORMAT,
    IDENTITY,
    LABELS,
    SEGMENTATION,
    make_file,
    make_segmented,
    make_side,
    make_tokens,
    random_codes,
    skewed_codes,
)
from tests.docs import cdc_from_page
from tests.docs.page import blocks
from tests.support import REPOSITORY_ROOT

PAGE = REPOSITORY_ROOT / "docs" / "file-format.md"


def example_bytes() -> bytes:
    """The bytes of the example on the page, without what stands beside them."""
    (example,) = [block for block in blocks(PAGE) if block.language == "hex"]
    rows = (re.split(r" {3,}", line)[0] for line in example.text.splitlines())
    return bytes.fromhex(" ".join(rows))


def same(codes: Codes, found: list[list[int]]) -> bool:
    return np.array_equal(codes, np.array(found).reshape(codes.shape))


def test_the_reader_imports_nothing_of_the_library() -> None:
    tree = ast.parse(Path(cdc_from_page.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    assert imported == {"binascii", "dataclasses", "hashlib", "json", "struct", "typing", "zlib"}


def test_the_example_is_what_the_library_writes_and_the_page_reads() -> None:
    codes = np.array([[1, 2, 1023], [512, 0, 7]], np.uint16)
    tokens = Tokens(codes, TokenIdentity("m", "1-0", "s"), 16_000, 320, 900, 1024)
    assert example_bytes() == write_cdc(tokens)
    file = cdc_from_page.read(example_bytes())
    assert (file.codes, file.n_samples, file.finished) == (codes.tolist(), 900, True)


def test_the_checksums_are_those_that_the_page_names() -> None:
    assert zlib.crc32(b"123456789") == 0xCBF43926
    assert binascii.crc_hqx(b"123456789", 0xFFFF) == 0x29B1


@pytest.mark.parametrize("n_samples", [160_000, None])
def test_plain_files(n_samples: int | None) -> None:
    tokens = make_tokens(n_samples=n_samples)
    file = cdc_from_page.read(write_cdc(tokens))
    assert same(tokens.codes, file.codes)
    assert (file.n_samples, file.finished, file.lost) == (n_samples, True, [])
    names = (file.header["model"], file.header["version"], file.header["token_space"])
    assert names == (tokens.model, tokens.version, tokens.token_space)


def test_thinned_files() -> None:
    tokens = make_tokens(n_q=8)
    sink = io.BytesIO()
    thin_cdc(write_cdc(tokens), sink, 3)
    assert same(tokens.codes[:3], cdc_from_page.read(sink.getvalue()).codes)


def test_files_with_blocks_of_different_n_q() -> None:
    sink = io.BytesIO()
    writer = CdcWriter(sink, CdcHeader(IDENTITY, FORMAT, 4))
    for n_q in (4, 2, 3):
        writer.append(random_codes(n_q, 10, seed=n_q))
    writer.finish(9_000)
    file = cdc_from_page.read(sink.getvalue())
    assert [len(rows) for rows in file.blocks] == [4, 2, 3]
    assert same(read_cdc(sink.getvalue()).codes, file.codes)
    assert file.n_samples == 9_000


def test_segmented_files_with_scales_and_labels() -> None:
    tokens = make_segmented()
    file = cdc_from_page.read(write_cdc(tokens))
    assert same(tokens.codes, file.codes)
    assert [segment.scale for segment in file.segments] == list(tokens.side.scale)
    assert tokens.side.labels is not None
    for number, segment in enumerate(file.segments):
        assert segment.number == number
        own = tokens.side.labels[tokens.side.format.labels_in(number, tokens.n_samples or 0)]
        assert own.tolist() == segment.labels
    frames = SEGMENTATION.frames(tokens.n_samples or 0, tokens.n_frames, 320)
    assert [segment.first_frame for segment in file.segments] == [0, *np.cumsum(frames)[:-1]]


@pytest.mark.parametrize("side", [SideFormat(scaled=True), SideFormat(labels=LABELS)])
def test_whole_items_with_scale_or_labels(side: SideFormat) -> None:
    made = make_side(3_000, side)
    tokens = Tokens(skewed_codes(2, 10), IDENTITY, 16_000, 320, 3_000, 16, made)
    (segment,) = cdc_from_page.read(write_cdc(tokens)).segments
    assert segment.scale == (made.scale[0] if made.scale else None)
    assert segment.labels == (None if made.labels is None else made.labels.tolist())


def test_compressed_files(tmp_path: Path) -> None:
    fitted = fit_tables([skewed_codes(4, 2000, seed) for seed in range(4)], 16)
    fitted.save(tmp_path / "tables.safetensors")
    tables = cdc_from_page.read_tables((tmp_path / "tables.safetensors").read_bytes())
    assert tables.id == fitted.tables_id
    tokens = make_segmented()
    data = write_cdc(tokens, fitted.coder())
    assert len(data) < len(write_cdc(tokens))
    assert same(tokens.codes, cdc_from_page.read(data, tables).codes)


def test_compressed_files_of_the_shipped_model() -> None:
    (path,) = (REPOSITORY_ROOT / "models/stream_16k/versions").glob("*/tables.safetensors")
    content = path.read_bytes()
    tables = cdc_from_page.read_tables(content)
    coder = load_tables(path).coder()
    # What the tables expect, so that coding pays.
    rows = [int(np.argmax(tables.table_of(q, 1024, 0))) for q in range(8)]
    tokens = Tokens(np.repeat(np.array(rows, np.uint16)[:, None], 60, 1), IDENTITY, 16_000, 320, 19_000, 1024)
    data = write_cdc(tokens, coder)
    assert len(data) < len(write_cdc(tokens))
    assert same(tokens.codes, cdc_from_page.read(data, tables).codes)


def test_unfinished_files_are_read_up_to_their_last_whole_block() -> None:
    codes = random_codes(4, 100)
    data = make_file(codes, 20, finish=False)
    file = cdc_from_page.read(data)
    assert same(codes, file.codes)
    assert not file.finished
    assert same(codes[:, :80], cdc_from_page.read(data[:-1]).codes)


@pytest.mark.parametrize("what", ["payload", "head", "marker"])
def test_damage_costs_the_block_that_has_it(what: str) -> None:
    codes = random_codes(4, 100)
    data = bytearray(make_file(codes, 20, n_samples=32_000))
    size = 18 + 4 * 25
    start = data.index(b"\xcdB") + 2 * size
    data[start + {"payload": 30, "head": 10, "marker": 0}[what]] ^= 0xFF
    file = cdc_from_page.read(bytes(data))
    kept = np.delete(codes, np.s_[40:60], axis=1)
    assert same(kept, file.codes)
    assert (file.lost, file.finished) == ([(40, 60)], True)
    with CdcReader(bytes(data), tolerant=True) as reader:
        assert same(np.concatenate([block.codes for block in reader], axis=1), file.codes)
        assert [(gap.start, gap.stop) for gap in reader.report.lost] == file.lost

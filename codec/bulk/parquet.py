"""A shard as a Parquet file: one row for every item. Needs pyarrow (`pip install 'codecd[bulk]'`)."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from codec.bulk.job import Settings
from codec.bulk.shard import CodedItem
from codec.container import read_cdc
from codec.tokens import TokenFormat

_GROUP_ITEMS = 256
"""Rows that are held in memory and written together."""

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("codes", pa.list_(pa.list_(pa.uint16())), nullable=False),
        pa.field("n_q", pa.int32(), nullable=False),
        pa.field("n_frames", pa.int64(), nullable=False),
        pa.field("n_samples", pa.int64(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("version", pa.string(), nullable=False),
        pa.field("token_space", pa.string(), nullable=False),
        pa.field("sample_rate", pa.int32(), nullable=False),
        pa.field("hop_samples", pa.int32(), nullable=False),
        pa.field("codebook_size", pa.int32(), nullable=False),
        pa.field("scale", pa.list_(pa.float32()), nullable=False),
        pa.field("segment_samples", pa.int64()),
        pa.field("segment_stride_samples", pa.int64()),
        pa.field("notes", pa.list_(pa.string()), nullable=False),
    ]
)
"""`codes`: `[codebook][frame]`; `scale`: the level of each segment, empty for models that keep it in codes;
`segment_*`: null for items that were coded whole."""


class ParquetShard:
    """Writes a Parquet file; the same items give the same bytes under the same version of pyarrow."""

    def __init__(self, path: Path, settings: Settings, token_format: TokenFormat) -> None:
        self._facts = {
            "model": settings.model,
            "version": settings.version,
            "token_space": settings.token_space,
            "sample_rate": token_format.sample_rate,
            "hop_samples": token_format.hop_samples,
            "codebook_size": token_format.codebook_size,
        }
        self._rows: list[dict[str, Any]] = []
        # A dictionary packs codes to as many bits as a .cdc file does.
        self._writer = parquet.ParquetWriter(path, SCHEMA, compression="zstd", use_dictionary=True)

    def add(self, item: CodedItem) -> None:
        """Append an item's row."""
        tokens = read_cdc(item.cdc)
        segmentation = tokens.side.segmentation
        row = {
            "id": item.id,
            "codes": list(tokens.codes.astype(np.uint16)),
            "n_q": tokens.n_q,
            "n_frames": item.n_frames,
            "n_samples": item.n_samples,
            "scale": list(tokens.side.scale),
            "segment_samples": segmentation.length_samples if segmentation else None,
            "segment_stride_samples": segmentation.stride_samples if segmentation else None,
            "notes": list(item.notes),
        }
        self._rows.append({**row, **self._facts})
        if len(self._rows) == _GROUP_ITEMS:
            self._write()

    def close(self) -> None:
        """Write the last rows and the footer."""
        self._write()
        self._writer.close()

    def _write(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
            self._rows.clear()

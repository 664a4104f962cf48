"""What is in a `.cdc` file, for people and programs."""

from dataclasses import asdict
from typing import Any

from codec.bits import packed_bytes
from codec.container.block import PackedBlock
from codec.container.damage import DamageReport
from codec.container.layout import CODED, FORMAT_VERSION, RECORD
from codec.container.reader import CdcReader, CdcSource
from codec.container.segment import SegmentRecord


def describe(source: CdcSource) -> dict[str, Any]:
    """Everything a `.cdc` file says and shows, as values that JSON can hold; damaged files too.

    Units are in the keys; rates with `_hz` or `_rate` are `[numerator, denominator]`. `measured` counts the
    bytes of the whole file: `code_bits` and `label_bits` as packed, `saved_bits` by which entropy coding
    beats packing, `overhead` of the file over codes and labels, and `bitrate_bps` over the duration. Raises
    `ContainerError` as a tolerant `CdcReader` does.
    """
    blocks: list[PackedBlock] = []
    records: list[SegmentRecord] = []
    with CdcReader(source, tolerant=True) as reader:
        for block in reader.packed_blocks():
            if block.coding != RECORD:
                blocks.append(block)
            elif reader.segment is not None:
                records.append(reader.segment)
        return {
            "format_version": FORMAT_VERSION,
            **_describe_header(reader),
            "n_frames": sum(block.n_frames for block in blocks),
            "measured": _measure(reader, blocks, records),
            "segments": list(map(_describe_record, records)),
            "blocks": list(map(_describe_block, blocks)),
            "damage": _describe_damage(reader.report),
        }


def _describe_header(reader: CdcReader) -> dict[str, Any]:
    header = reader.header
    form, side = header.format, header.side
    n_samples = reader.n_samples
    labels_bps = side.labels.bitrate_bps(form.sample_rate) if side.labels else 0
    return {
        "model": header.identity.model,
        "version": header.identity.version,
        "token_space": header.identity.token_space,
        "sample_rate": form.sample_rate,
        "hop_samples": form.hop_samples,
        "frame_rate": [form.frame_rate.numerator, form.frame_rate.denominator],
        "codebooks": header.codebooks,
        "codebook_size": form.codebook_size,
        "bits_per_code": form.bits_per_code,
        "bitrate_bps": float(form.bitrate_bps(header.codebooks) + labels_bps),
        "n_samples": n_samples,
        "duration_s": None if n_samples is None else n_samples / form.sample_rate,
        "scaled": side.scaled,
        "labels": _describe_labels(reader),
        "segmentation": None if side.segmentation is None else asdict(side.segmentation),
        "entropy_tables": None if header.tables_id is None else header.tables_id.hex(),
    }


def _describe_labels(reader: CdcReader) -> dict[str, Any] | None:
    labels, sample_rate = reader.header.side.labels, reader.header.format.sample_rate
    if labels is None:
        return None
    rate = labels.rate_hz(sample_rate)
    return {
        **asdict(labels),
        "bits_per_label": labels.bits_per_label,
        "rate_hz": [rate.numerator, rate.denominator],
        "bitrate_bps": float(labels.bitrate_bps(sample_rate)),
    }


def _describe_block(block: PackedBlock) -> dict[str, Any]:
    return {
        "first_frame": block.first_frame,
        "n_frames": block.n_frames,
        "n_q": block.n_q,
        "payload_bytes": len(block.payload),
        "coding": "entropy" if block.coding == CODED else "packed",
    }


def _describe_record(record: SegmentRecord) -> dict[str, Any]:
    return {
        "number": record.number,
        "first_frame": record.first_frame,
        "scale": record.scale,
        "n_labels": 0 if record.labels is None else len(record.labels),
    }


def _measure(reader: CdcReader, blocks: list[PackedBlock], records: list[SegmentRecord]) -> dict[str, Any]:
    form, labels = reader.header.format, reader.header.side.labels
    code_bits = sum(block.n_frames * block.n_q for block in blocks) * form.bits_per_code
    label_bits = 0
    if labels is not None:
        label_bits = labels.bits_per_label * sum(len(r.labels) for r in records if r.labels is not None)
    packed = (block.n_q * packed_bytes(block.n_frames, form.bits_per_code) for block in blocks)
    saved_bits = 8 * (sum(packed) - sum(len(block.payload) for block in blocks))
    n_samples = reader.n_samples
    if n_samples is None:
        n_samples = sum(block.n_frames for block in blocks) * form.hop_samples
    file_bits = 8 * reader.bytes_read
    return {
        "file_bytes": reader.bytes_read,
        "code_bits": code_bits,
        "label_bits": label_bits,
        "saved_bits": saved_bits,
        "overhead": file_bits / (code_bits + label_bits) - 1 if code_bits else None,
        "bitrate_bps": file_bits * form.sample_rate / n_samples if n_samples else None,
    }


def _describe_damage(report: DamageReport) -> dict[str, Any]:
    return {
        "intact": report.intact,
        "finished": report.finished,
        "lost_frames": [[lost.start, lost.stop] for lost in report.lost],
        "lost_segments": [[lost.start, lost.stop] for lost in report.lost_segments],
        "problems": list(report.problems),
        "n_problems": report.n_problems,
    }

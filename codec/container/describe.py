"""What is in a `.cdc` file, for people and programs."""

from typing import Any

from codec.container.block import PackedBlock
from codec.container.damage import DamageReport
from codec.container.layout import FORMAT_VERSION
from codec.container.reader import CdcReader, CdcSource


def describe(source: CdcSource) -> dict[str, Any]:
    """Everything a `.cdc` file says and shows, as values that JSON can hold; damaged files too.

    Units are in the keys; `frame_rate` is `[numerator, denominator]`; `measured` counts the bytes of the
    whole file. Raises `ContainerError` as a tolerant `CdcReader` does.
    """
    with CdcReader(source, tolerant=True) as reader:
        blocks = list(map(_describe_block, reader.packed_blocks()))
        return {
            "format_version": FORMAT_VERSION,
            **_describe_header(reader),
            "n_frames": sum(block["n_frames"] for block in blocks),
            "measured": _measure(reader, blocks),
            "blocks": blocks,
            "damage": _describe_damage(reader.report),
        }


def _describe_header(reader: CdcReader) -> dict[str, Any]:
    header = reader.header
    form = header.format
    n_samples = reader.n_samples
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
        "bitrate_bps": float(form.bitrate_bps(header.codebooks)),
        "scale": list(header.scale),
        "n_samples": n_samples,
        "duration_s": None if n_samples is None else n_samples / form.sample_rate,
    }


def _describe_block(block: PackedBlock) -> dict[str, int]:
    return {
        "first_frame": block.first_frame,
        "n_frames": block.n_frames,
        "n_q": block.n_q,
        "payload_bytes": len(block.payload),
    }


def _measure(reader: CdcReader, blocks: list[dict[str, int]]) -> dict[str, Any]:
    form = reader.header.format
    code_bits = sum(block["n_frames"] * block["n_q"] for block in blocks) * form.bits_per_code
    seconds = sum(block["n_frames"] for block in blocks) / form.frame_rate
    file_bits = 8 * reader.bytes_read
    return {
        "file_bytes": reader.bytes_read,
        "code_bits": code_bits,
        "overhead": file_bits / code_bits - 1 if code_bits else None,
        "bitrate_bps": float(file_bits / seconds) if seconds else None,
    }


def _describe_damage(report: DamageReport) -> dict[str, Any]:
    return {
        "intact": report.intact,
        "finished": report.finished,
        "lost_frames": [[lost.start, lost.stop] for lost in report.lost],
        "problems": list(report.problems),
        "n_problems": report.n_problems,
    }

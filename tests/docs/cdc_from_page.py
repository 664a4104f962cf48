"""A reader of `.cdc` files written from docs/file-format.md alone: plain Python, nothing of codecd."""

import binascii
import hashlib
import json
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

Matrix = list[list[int]]
Rows = list[list[int]]


@dataclass
class Tables:
    """The four matrices of `tables.safetensors`, and the id made of them."""

    id: bytes
    frequencies: Matrix
    previous: Matrix
    first: Matrix
    shape: Matrix

    def table_of(self, q: int, before: int, first_code: int) -> list[int]:
        """The frequencies by which a frame of codebook `q` is coded."""
        base = sum(rows * columns for rows, columns in self.shape[:q])
        of_first = self.first[q][first_code] if q else 0
        return self.frequencies[base + self.previous[q][before] * self.shape[q][1] + of_first]


@dataclass
class Segment:
    """What a record says, and where its frames begin."""

    number: int
    first_frame: int
    scale: float | None
    labels: list[int] | None


@dataclass
class File:
    """All that a file holds; `codes`: by codebook of the smallest n_q."""

    header: dict[str, Any]
    blocks: list[Rows] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    finished: bool = False
    n_samples: int | None = None
    lost: list[tuple[int, int]] = field(default_factory=list)

    @property
    def codes(self) -> Rows:
        n_q = min((len(rows) for rows in self.blocks), default=self.header["codebooks"])
        return [[code for rows in self.blocks for code in rows[q]] for q in range(n_q)]


def read(data: bytes, tables: Tables | None = None) -> File:
    """Read a file, a damaged or unfinished one as far as it goes."""
    header, position = _header(data)
    file = File(header, n_samples=header.get("n_samples"))
    frame = 0
    while position < len(data) and not file.finished:
        marker = data[position : position + 2]
        if marker == b"\xcdB" and (size := _sound_head(data, position)):
            if position + size > len(data):
                break
            first, n_frames = struct.unpack_from("<IH", data, position + 4)
            if first >= frame and _is_sound(data[position : position + size]):
                if first > frame:
                    file.lost.append((frame, first))
                _take(file, data[position : position + size], tables)
                frame = first + n_frames
            position += size
        elif marker == b"\xcdI" and (entries := _index(file, data[position:])) is not None:
            total = sum(n_frames for n_frames, _ in entries)
            if total > frame:
                file.lost.append((frame, total))
            file.finished = True
        else:
            position += 1
    return file


def read_tables(data: bytes) -> Tables:
    """The matrices of a safetensors file."""
    (size,) = struct.unpack_from("<Q", data)
    described = json.loads(data[8 : 8 + size])
    digest = hashlib.sha256()
    matrices = []
    for name in ("frequencies", "previous", "first", "shape"):
        entry = described[name]
        assert entry["dtype"] == "U16"
        rows, columns = entry["shape"]
        start, stop = (8 + size + offset for offset in entry["data_offsets"])
        digest.update(f"{name} {rows} {columns}\n".encode() + data[start:stop])
        values = struct.unpack(f"<{rows * columns}H", data[start:stop])
        matrices.append([list(values[row * columns : (row + 1) * columns]) for row in range(rows)])
    return Tables(digest.digest()[:8], *matrices)


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    assert data[:4] == b"\xcdCDC"
    version, bits, codebooks, rate, hop, last, flags, *lengths = struct.unpack_from("<BBBIHHBBBB", data, 4)
    assert version == 2
    assert flags < 32
    header = {"bits": bits, "codebooks": codebooks, "sample_rate": rate, "hop": hop, "flags": flags}
    header |= {"codebook_size": last + 1}
    position = 19
    for name, length in zip(("model", "version", "token_space"), lengths, strict=True):
        header[name] = data[position : position + length].decode("ascii")
        position += length
    for flag, layout, names in (
        (2, "<HH", ("last_label", "label_hop")),
        (4, "<II", ("length", "stride")),
        (8, "<8s", ("tables_id",)),
        (16, "<Q", ("n_samples",)),
    ):
        if flags & flag:
            header |= dict(zip(names, struct.unpack_from(layout, data, position), strict=True))
            position += struct.calcsize(layout)
    assert struct.unpack_from("<I", data, position)[0] == zlib.crc32(data[:position])
    return header, position + 4


def _sound_head(data: bytes, position: int) -> int:
    """The size of the block, or 0."""
    head = data[position : position + 18]
    if len(head) < 18 or struct.unpack_from("<H", head, 16)[0] != binascii.crc_hqx(head[:16], 0xFFFF):
        return 0
    payload: int = struct.unpack_from("<H", head, 10)[0]
    return 18 + payload


def _is_sound(block: bytes) -> bool:
    return bool(struct.unpack_from("<I", block, 12)[0] == zlib.crc32(block[:12] + block[18:]))


def _take(file: File, block: bytes, tables: Tables | None) -> None:
    _, coding, n_q, first_frame, n_frames, _ = struct.unpack_from("<2sBBIHH", block)
    payload = block[18:]
    if coding & 7 == 2:
        file.segments.append(_record(file.header, first_frame, payload))
    elif coding & 7 == 1:
        assert tables is not None
        assert tables.id == file.header["tables_id"]
        file.blocks.append(_coded(payload, n_q, n_frames, tables))
    else:
        bits = file.header["bits"]
        size = (n_frames * bits + 7) // 8
        assert len(payload) == n_q * size
        file.blocks.append([_unpack(payload[q * size : (q + 1) * size], n_frames, bits) for q in range(n_q)])


def _unpack(row: bytes, count: int, bits: int) -> list[int]:
    string = int.from_bytes(row, "little")
    return [string >> i * bits & (1 << bits) - 1 for i in range(count)]


def _record(header: dict[str, Any], first_frame: int, payload: bytes) -> Segment:
    segment = Segment(0, first_frame, None, None)
    position = 0
    if header["flags"] & 4:
        (segment.number,) = struct.unpack_from("<I", payload)
        position = 4
    if header["flags"] & 1:
        (segment.scale,) = struct.unpack_from("<f", payload, position)
        position += 4
    if header["flags"] & 2:
        (count,) = struct.unpack_from("<I", payload, position)
        segment.labels = _unpack(payload[position + 4 :], count, header["last_label"].bit_length())
    return segment


def _coded(payload: bytes, n_q: int, n_frames: int, tables: Tables) -> Rows:
    codes: Rows = []
    position = 2 * n_q
    for q, length in enumerate(struct.unpack_from(f"<{n_q}H", payload)):
        firsts = codes[0] if q else [0] * n_frames
        codes.append(_coded_row(payload[position : position + length], q, firsts, tables))
        position += length
    assert position == len(payload)
    return codes


def _coded_row(row: bytes, q: int, firsts: list[int], tables: Tables) -> list[int]:
    x, used = 0, 0
    codes: list[int] = []
    before = len(tables.frequencies[0])
    for first_code in firsts:
        while x < 1 << 22 and used < len(row):
            x, used = 256 * x + row[used], used + 1
        table, slot, code, below = tables.table_of(q, before, first_code), x % 65536, 0, 0
        while slot >= below + table[code]:
            below += table[code]
            code += 1
        x = table[code] * (x // 65536) + slot - below
        codes.append(code)
        before = code
    while x < 1 << 22 and used < len(row):
        x, used = 256 * x + row[used], used + 1
    assert (x, used) == (1, len(row))
    return codes


def _index(file: File, data: bytes) -> list[tuple[int, int]] | None:
    """The entries of the index, or None if it is none."""
    fixed = 14 if file.header["flags"] & 16 else 22
    n_blocks, rest = divmod(len(data) - fixed, 4)
    if n_blocks < 0 or rest or data[-4:] != b"CDC\xcd":
        return None
    count, checksum = struct.unpack_from("<II", data, len(data) - 12)
    if count != n_blocks or checksum != zlib.crc32(data[:-8]):
        return None
    if fixed == 22:
        (n_samples,) = struct.unpack_from("<Q", data, 2 + 4 * n_blocks)
        file.n_samples = None if n_samples == 2**64 - 1 else n_samples
    return [struct.unpack_from("<HH", data, 2 + 4 * k) for k in range(n_blocks)]

"""What entropy coding saves on speech that its tables have not seen, by which contexts, and its speed.

    python -m tests.bench entropy

Tables are counted on the training clips and judged on the validation clips, in blocks of 6 s that are coded
afresh, as in files. Sizes are those of one file of all clips, everything included. Bits per code by context
are ideal ones: those of the probabilities alone.
"""

import csv
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from codec.checkpoint import LoadedCodec, open_codec
from codec.container import CdcHeader, CdcWriter
from codec.entropy import EntropyTables, fit_tables
from codec.entropy.clusters import Matrix, smoothed
from codec.entropy.contexts import fit_context, joined
from codec.entropy.row import TOTAL
from codec.tokens import Codes
from tests.bench.options import make_parser
from tests.bench.tables import show, table
from tests.support import shared_dir

_BLOCK_SECONDS = 6
_N_Q = (1, 2, 4, 8, 16, 32)
_COMPARED = (0, 1, 2, 5, 15)
_ADAPTED_WEIGHT = {0: 100.0, 1: 300.0}
_LATER_ADAPTED_WEIGHT = 1000.0


@dataclass(frozen=True, eq=False)
class Known:
    """Codes of many blocks `[codebook, frame]`, and those one frame before; `size` before a block."""

    codes: NDArray[np.int64]
    before: NDArray[np.int64]
    starts: NDArray[np.bool_]

    @classmethod
    def of(cls, blocks: Sequence[Codes], size: int) -> "Known":
        """The blocks one after the other."""
        codes = np.concatenate(blocks, axis=1).astype(np.int64)
        starts = np.zeros(codes.shape[1], bool)
        starts[np.cumsum([0, *(block.shape[1] for block in blocks[:-1])])] = True
        before = np.roll(codes, 1, axis=1)
        before[:, starts] = size
        return cls(codes, before, starts)


def encode_clips(loaded: LoadedCodec, manifest: str, kinds: Sequence[str], every: int) -> list[Codes]:
    """Blocks of codes with all codebooks, of every so many clips of a manifest."""
    config = loaded.codec.config
    data = shared_dir() / "data"
    with (data / manifest).open() as file:
        names = [row["file"] for row in csv.DictReader(file) if row["kind"] in kinds][::every]
    n_frames = round(_BLOCK_SECONDS * config.frame_rate)
    blocks = []
    for name in tqdm(names, desc=manifest, disable=None):
        samples, _ = soundfile.read(data / name, dtype="float32")
        audio = torch.from_numpy(samples)[None, None]
        codes = loaded.codec.encode(audio, config.quantizer.codebooks).codes[0].numpy().astype(np.uint16)
        blocks += [codes[:, first : first + n_frames] for first in range(0, codes.shape[1], n_frames)]
    return blocks


def file_bytes(loaded: LoadedCodec, blocks: Sequence[Codes], n_q: int, tables: EntropyTables | None) -> int:
    """Size of a file of the blocks."""
    sink = io.BytesIO()
    header = CdcHeader(loaded.identity, loaded.token_format, n_q)
    writer = CdcWriter(sink, header, coder=None if tables is None else tables.coder())
    for block in blocks:
        writer.append(block[:n_q])
    writer.finish()
    return len(sink.getvalue())


def sizes(loaded: LoadedCodec, tables: EntropyTables, sets: dict[str, list[Codes]]) -> str:
    """The table of what is saved."""
    rows = []
    for n_q in [n_q for n_q in _N_Q if n_q <= tables.codebooks]:
        cells: list[object] = [n_q, float(loaded.token_format.bitrate_bps(n_q))]
        for blocks in sets.values():
            seconds = float(sum(block.shape[1] for block in blocks) / loaded.token_format.frame_rate)
            packed, coded = (file_bytes(loaded, blocks, n_q, each) for each in (None, tables))
            cells += [8 * packed / seconds, 8 * coded / seconds, f"{1 - coded / packed:.1%}"]
        rows.append(cells)
    columns = ["n_q", "nominal bit/s"]
    columns += [f"{name}: {what}" for name in sets for what in ("packed bit/s", "coded bit/s", "saved")]
    return table("Entropy coding of held-out audio, whole files", columns, rows)


def speed(loaded: LoadedCodec, tables: EntropyTables, blocks: Sequence[Codes], n_q: int) -> list[object]:
    """Seconds of one core for an hour of audio."""
    coder = tables.coder()
    hours = float(sum(block.shape[1] for block in blocks) / loaded.token_format.frame_rate) / 3600
    began = time.process_time()
    coded = [coder.encode(block[:n_q]) for block in blocks]
    encoded = time.process_time()
    for rows, block in zip(coded, blocks, strict=True):
        decoded = coder.decode([memoryview(row) for row in rows], block.shape[1])
        assert np.array_equal(decoded, block[:n_q])
    return [n_q, (encoded - began) / hours, (time.process_time() - encoded) / hours]


def bits_of_contexts(train: Known, valid: Known, q: int, size: int, tables: EntropyTables) -> list[object]:
    """Bits per code of a codebook on the validation clips, by what its tables depend on."""
    row, heard = train.codes[q], valid.codes[q]
    average = smoothed(np.bincount(row, minlength=size).astype(float), np.full(size, 1 / size), size / 2)
    whole = np.broadcast_to(average, (1, size))
    nothing = np.zeros_like(heard)
    weight = _ADAPTED_WEIGHT.get(q, _LATER_ADAPTED_WEIGHT)
    cells: list[object] = [q + 1, _bits(whole, nothing, heard), _adaptive_bits(average, valid, q, weight)]
    previous = fit_context(train.before[q], row, size + 1, 512 if q == 0 else 16, average)
    cells.append(_bits(previous.probabilities, previous.of_code[valid.before[q]], heard))
    for other in (q - 1, 0):
        if q == 0:
            cells += ["", ""]
            continue
        first = fit_context(train.codes[other], row, size, 8, average)
        cells.append(_bits(first.probabilities, first.of_code[valid.codes[other]], heard))
        pairs = previous.of_code[train.before[q]] * first.count + first.of_code[train.codes[other]]
        both = joined(previous, first, pairs, row, average)
        pairs = previous.of_code[valid.before[q]] * first.count + first.of_code[valid.codes[other]]
        cells.append(_bits(both, pairs, heard))
    chosen = tables.first_contexts(q, valid.codes[0].astype(np.uint16))
    chosen = chosen + tables.context_steps(q)[valid.before[q]]
    return [*cells, _bits(tables.frequencies / TOTAL, chosen, heard)]


def _bits(probabilities: Matrix, contexts: NDArray[np.int64], codes: NDArray[np.int64]) -> float:
    return float(-np.log2(probabilities[contexts, codes]).mean())


def _adaptive_bits(average: Matrix, valid: Known, q: int, weight: float) -> float:
    """Counts of the block so far, added to `weight` of the average."""
    counts = np.zeros(len(average))
    bits, seen = 0.0, 0
    for code, start in zip(valid.codes[q].tolist(), valid.starts.tolist(), strict=True):
        if start:
            counts[:] = 0
            seen = 0
        bits -= np.log2((weight * average[code] + counts[code]) / (weight + seen))
        counts[code] += 1
        seen += 1
    return float(bits / valid.codes.shape[1])


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--every", type=int, default=1, help="use every N-th clip (default: all)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with torch.inference_mode():
        loaded = open_codec(arguments.model, arguments.repository)
        train = encode_clips(loaded, "train.csv", ["clean"], arguments.every)
        clean = encode_clips(loaded, "valid.csv", ["clean"], arguments.every)
        noisy = ["noisy", "meeting", "music", "environment"]
        other = encode_clips(loaded, "valid.csv", noisy, arguments.every)
    size = loaded.token_format.codebook_size
    tables = fit_tables(train, size)
    show(sizes(loaded, tables, {"clean speech": clean, "noise and music": other}), arguments.out)
    columns = ["n_q", "encode, s per hour", "decode, s per hour"]
    n_qs = [n_q for n_q in (8, 32) if n_q <= tables.codebooks]
    tensors = (tables.frequencies, tables.previous, tables.first, tables.shape)
    megabytes = sum(tensor.nbytes for tensor in tensors) / 1e6
    title = f"Entropy coder on one core; its tables take {megabytes:.2f} MB"
    show(table(title, columns, [speed(loaded, tables, clean, n_q) for n_q in n_qs]), arguments.out)
    columns = ["codebook", "nothing", "nothing, adaptive", "code before", "codebook q-1", "q-1 and before"]
    columns += ["first codebook", "first and before", "as chosen"]
    known = Known.of(train, size), Known.of(clean, size)
    compared = [q for q in _COMPARED if q < tables.codebooks]
    rows = [bits_of_contexts(*known, q, size, tables) for q in compared]
    show(table("Bits per code by context, held-out clean speech", columns, rows), arguments.out)


if __name__ == "__main__":
    main()

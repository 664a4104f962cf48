"""`codecd encode` and `codecd decode`."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from codec.audio import AUDIO_SUFFIXES, TRUNCATED
from codec.commands.batch import Pair, Progress, pair_up, work_through
from codec.commands.labels import add_labels, label_source
from codec.commands.options import (
    DEFAULT_MODEL,
    SubParsers,
    add_command,
    add_model,
    add_overwrite,
    add_rate,
    n_q_of,
    repository_of,
)
from codec.container import CdcReader, DamageReport
from codec.errors import ContainerError

_ENCODE_EXAMPLES = """examples:
  codecd encode speech.wav speech.cdc                 8 codebooks, 4 kbit/s
  codecd encode speech.wav speech.cdc --n-q 4
  codecd encode speech.wav speech.cdc --bitrate 2000
  codecd encode recordings/ tokens/                   every audio file, mirrored
  codecd encode speech.wav speech.cdc --compress      entropy-coded: the same codes in fewer bytes
  codecd encode speech.wav speech.cdc --model phones --labels speech.lab --vocabulary phones.txt
"""
_DECODE_EXAMPLES = """examples:
  codecd decode speech.cdc speech.wav
  codecd decode speech.cdc speech.flac --force
  codecd decode tokens/ decoded/                      every .cdc file, mirrored
  codecd decode damaged.cdc speech.wav --recover      what is left, each part at its place
"""


def register_encode(commands: SubParsers) -> None:
    """Add `codecd encode`."""
    parser = _parser(commands, "encode", "audio to tokens (.cdc)", _ENCODE_EXAMPLES)
    add_rate(parser)
    parser.add_argument("--compress", action="store_true", help="entropy-code, by the tables of the model")
    add_labels(parser)
    parser.set_defaults(run=_encode)


def register_decode(commands: SubParsers) -> None:
    """Add `codecd decode`."""
    parser = _parser(commands, "decode", "tokens (.cdc) to audio (.wav or .flac)", _DECODE_EXAMPLES)
    parser.add_argument(
        "--recover", action="store_true", help="decode what is left of damaged or unfinished files"
    )
    parser.set_defaults(run=_decode)


def _parser(commands: SubParsers, name: str, summary: str, examples: str) -> ArgumentParser:
    parser = add_command(commands, name, summary, examples)
    parser.add_argument("input", type=Path, metavar="IN", help="a file or a directory")
    parser.add_argument("output", type=Path, metavar="OUT", help="a file, or a directory for a directory")
    add_model(parser)
    add_overwrite(parser)
    return parser


def _encode(arguments: Namespace) -> int:
    # Imported here, as in the other commands: torch takes seconds, and `codecd info` needs none of it.
    import torch

    from codec.checkpoint import open_codec
    from codec.files import EncodeOptions, encode_file

    # One thread gives the same codes whatever the machine and the piece; see `codec.model.MIN_ROWS`.
    torch.set_num_threads(1)
    pairs = pair_up(arguments.input, arguments.output, AUDIO_SUFFIXES, ".cdc", arguments.force)
    loaded = open_codec(arguments.model or DEFAULT_MODEL, repository_of(arguments))
    config = loaded.codec.config
    n_q = n_q_of(arguments, loaded.token_format, config.quantizer.codebooks)
    options = EncodeOptions(n_q, label_source(arguments, config), arguments.compress)

    def work(pair: Pair, progress: Progress) -> None:
        notes = encode_file(
            loaded, pair.source, pair.target, options, lambda done: progress(done / config.sample_rate)
        )
        if TRUNCATED in notes:
            print(f"codecd: {pair.source}: ends too early, what is there was encoded", file=sys.stderr)

    return work_through(pairs, "encoding", work)


def _decode(arguments: Namespace) -> int:
    import torch

    from codec.checkpoint import LoadedCodec, open_codec
    from codec.files import decode_file

    torch.set_num_threads(1)
    pairs = pair_up(arguments.input, arguments.output, (".cdc",), ".wav", arguments.force)
    opened: dict[str, LoadedCodec] = {}

    def work(pair: Pair, progress: Progress) -> None:
        reference = arguments.model or _maker_of(pair.source)
        if reference not in opened:
            opened[reference] = open_codec(reference, repository_of(arguments))
        loaded = opened[reference]
        rate = loaded.codec.config.sample_rate
        try:
            done = decode_file(
                loaded, pair.source, pair.target, lambda samples: progress(samples / rate), arguments.recover
            )
        except ContainerError as error:
            hint = "" if arguments.recover else "; --recover decodes what is left"
            raise ContainerError(f"{error}{hint}") from error
        if done.n_clipped:
            print(
                f"codecd: {pair.target}: {done.n_clipped} samples were clipped at full scale", file=sys.stderr
            )
        for line in _losses(done.damage):
            print(f"codecd: {pair.source}: {line}", file=sys.stderr)

    return work_through(pairs, "decoding", work)


def _maker_of(source: Path) -> str:
    """The model and version that a `.cdc` file names."""
    with CdcReader(source) as reader:
        return f"{reader.header.identity.model}@{reader.header.identity.version}"


def _losses(damage: DamageReport) -> list[str]:
    """What was lost of a file, for people."""
    if damage.intact:
        return []
    frames = [f"{r.start} to {'the end' if r.stop is None else r.stop - 1}" for r in damage.lost]
    segments = [f"{r.start} to {r.stop - 1}" for r in damage.lost_segments]
    found = [f"lost frames {', '.join(frames)}"] if frames else []
    found += [f"lost levels and labels of segments {', '.join(segments)}"] if segments else []
    found += [] if damage.finished else ["the end of the file is missing"]
    return [*damage.problems, *found]

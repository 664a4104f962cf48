"""`codecd units`: the centroids that turn what HuBERT hears into labels of a semantic stream."""

from argparse import Namespace
from pathlib import Path

from codec.audio import AUDIO_SUFFIXES
from codec.commands.batch import files_below
from codec.commands.options import SubParsers, add_command, add_overwrite, refuse_existing

_EXAMPLES = """examples:
  codecd units speech/ units.safetensors --hubert hubert_base.pt
  codecd encode speech.wav speech.cdc --model NAME --hubert hubert_base.pt --units units.safetensors

The weights are a local file in the names of torchaudio; nothing is downloaded.
"""


def register_units(commands: SubParsers) -> None:
    """Add `codecd units`."""
    parser = add_command(commands, "units", "cluster HuBERT features of a directory of speech", _EXAMPLES)
    parser.add_argument("audio", type=Path, metavar="DIR", help="directory of recordings")
    parser.add_argument("output", type=Path, metavar="OUT", help="file of centroids to write")
    parser.add_argument("--hubert", type=Path, required=True, metavar="WEIGHTS", help="weights of HuBERT")
    parser.add_argument("--layer", type=int, default=9, metavar="N", help="layer (default %(default)s)")
    parser.add_argument("--units", type=int, default=500, metavar="N", help="centroids (default %(default)s)")
    add_overwrite(parser)
    parser.set_defaults(run=_units)


def _units(arguments: Namespace) -> int:
    from tqdm import tqdm

    from codec.hubert import Hubert
    from codec.hubert_units import fit_units, save_units

    refuse_existing(arguments.output, arguments.force)
    recordings = files_below(arguments.audio, AUDIO_SUFFIXES)
    hubert = Hubert(arguments.hubert, arguments.layer)
    with tqdm(total=len(recordings), desc="hearing", unit="file", disable=None) as bar:
        centroids = fit_units(hubert, recordings, arguments.units, progress=bar.update)
    save_units(arguments.output, centroids, hubert)
    return 0

"""`codecd import`: weights that other toolkits released, published as a model of our own repository."""

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from codec.commands.options import SubParsers, add_command, add_repository, repository_of
from codec.repository import DEFAULT_CHANNEL, Repository

if TYPE_CHECKING:
    from codec.seanet_model import SeanetCodec

_EXAMPLES = """examples:
  codecd import funcodec exp/encodec_16k/ --repository models --name encodec_16k
  codecd import encodec encodec_24khz-d7cc33bc.th --repository models --name encodec_24k
  codecd import dac weights_16khz_8kbps_0.0.5.pth --repository models --name dac_16k

Files are opened as tensors only: nothing in them is executed. The codes are those of the toolkit.
"""


def register_import(commands: SubParsers) -> None:
    """Add `codecd import`."""
    parser = add_command(
        commands, "import", "publish weights released by FunCodec, Encodec or DAC", _EXAMPLES
    )
    kinds = parser.add_subparsers(metavar="TOOLKIT", required=True)
    _kind(kinds, "funcodec", "DIR", "folder with config.yaml beside model.pth or checkpoint.pth", _funcodec)
    _kind(kinds, "encodec", "FILE", "state dict of the 24 kHz or the 48 kHz model", _encodec)
    _kind(kinds, "dac", "FILE", "weights with their metadata, as descript-audio-codec saves them", _dac)


def _kind(
    kinds: SubParsers, name: str, metavar: str, what: str, load: Callable[[Path], "SeanetCodec"]
) -> ArgumentParser:
    parser = add_command(kinds, name, what, _EXAMPLES)
    parser.add_argument("source", type=Path, metavar=metavar, help=what)
    parser.add_argument("--name", required=True, help="name of the model in the repository")
    parser.add_argument("--channel", default=DEFAULT_CHANNEL, help="channel to move (default %(default)s)")
    parser.add_argument("--description", default=f"Imported from {name}.", metavar="TEXT")
    parser.add_argument("--licence", default="", metavar="TEXT", help="licence of the weights")
    add_repository(parser)
    parser.set_defaults(run=_import, load=load)
    return parser


def _funcodec(source: Path) -> "SeanetCodec":
    from codec.importers.funcodec import import_funcodec

    return import_funcodec(source)


def _encodec(source: Path) -> "SeanetCodec":
    from codec.importers.encodec import import_encodec

    return import_encodec(source)


def _dac(source: Path) -> "SeanetCodec":
    from codec.importers.dac import import_dac

    return import_dac(source)


def _import(arguments: Namespace) -> int:
    import torch

    from codec.checkpoint import draft_manifest, write_files
    from codec.golden import golden_signal

    # As the workers that will repeat the golden codes: one thread.
    torch.set_num_threads(1)
    codec = arguments.load(arguments.source)
    config = codec.config
    draft = draft_manifest(codec, arguments.name, arguments.description, arguments.licence)
    with tempfile.TemporaryDirectory(prefix="codecd-import-") as folder:
        golden = golden_signal(config.sample_rate, config.channels)
        # float32: rounding could flip codes that the toolkit gives.
        write_files(codec, golden, Path(folder), torch.float32)
        repository = Repository(repository_of(arguments))
        published = repository.publish(arguments.name, Path(folder), draft, arguments.channel)
    print(f"{published.model}@{published.version}")
    return 0

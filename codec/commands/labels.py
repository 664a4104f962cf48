"""The options that say where a model with a semantic stream has its labels from."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from codec.errors import InvalidRequestError

if TYPE_CHECKING:
    from codec.model_config import ModelConfig
    from codec.semantic_labels import LabelSource


def add_labels(parser: ArgumentParser) -> None:
    """Add `--labels`, `--vocabulary`, `--hubert` and `--units`."""
    group = parser.add_argument_group("models with a semantic stream")
    source = group.add_mutually_exclusive_group()
    source.add_argument("--labels", type=Path, metavar="PATH", help="a label file, or a directory of them")
    source.add_argument("--hubert", type=Path, metavar="WEIGHTS", help="HuBERT weights, for its units")
    group.add_argument("--vocabulary", type=Path, metavar="FILE", help="names of the labels in label files")
    group.add_argument("--units", type=Path, metavar="FILE", help="centroids of the units, with --hubert")


def label_source(arguments: Namespace, config: "ModelConfig") -> "LabelSource | None":
    """Where the command line says that labels come from; None if it does not.

    Raises `InvalidRequestError` for a model that hears none, and units without centroids.
    """
    from codec.seanet_config import SeanetCodecConfig
    from codec.semantic_labels import LabelFiles

    if arguments.labels is None and arguments.hubert is None:
        return None
    if not isinstance(config, SeanetCodecConfig):
        raise InvalidRequestError("the model has no semantic stream; leave its labels out, or name another")
    if arguments.labels is not None:
        return LabelFiles(arguments.labels, arguments.input, config, arguments.vocabulary)
    if arguments.units is None:
        raise InvalidRequestError("--hubert needs the centroids of its units; add --units FILE")
    from codec.hubert_units import HubertUnits

    return HubertUnits(arguments.hubert, arguments.units, config)

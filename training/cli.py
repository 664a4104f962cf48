"""The commands `codecd train` and `codecd publish`."""

import argparse
import logging
from argparse import Namespace
from pathlib import Path

from codec.commands.options import SubParsers, add_repository, repository_of
from training.recipe import load_recipe, shipped_recipes

_TRAIN_EXAMPLES = """examples:
  codecd train stream_16k data.train=speech/ --out runs/a
  codecd train stream_16k data.train=speech/ steps=500 optimiser.learning_rate=5e-4 --out runs/b
  codecd train stream_16k data.train=speech/ --out runs/a        (again: resumes where it stopped)
  tensorboard --logdir runs/
"""

_PUBLISH_EXAMPLES = """examples:
  codecd publish runs/a --name stream_16k
  codecd publish runs/a --name stream_16k --channel canary
"""


def register_train(commands: SubParsers) -> None:
    """Add `codecd train`."""
    parser = commands.add_parser(
        "train",
        help="train a model on a folder of audio",
        epilog=_TRAIN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recipe", help=f"a YAML file or one of: {', '.join(sorted(shipped_recipes()))}")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes to the recipe")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; resumed if it exists")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the model (default 1)")
    parser.set_defaults(run=_train)


def register_publish(commands: SubParsers) -> None:
    """Add `codecd publish`."""
    parser = commands.add_parser(
        "publish",
        help="publish a training run's model to a repository",
        epilog=_PUBLISH_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="folder of the run, or a checkpoint")
    parser.add_argument("--name", required=True, help="model name in the repository")
    parser.add_argument(
        "--golden", type=Path, help="short clip whose codes prove a load (default: a synthetic one)"
    )
    parser.add_argument("--channel", default="stable", help="channel to point to it (default stable)")
    parser.add_argument("--description", default="", help="one line for people")
    parser.add_argument("--licence", default="Apache-2.0", help="licence of the weights")
    parser.add_argument("--card", type=Path, help="Markdown model card to publish with it")
    add_repository(parser)
    parser.set_defaults(run=_publish)


def _train(arguments: Namespace) -> int:
    # Imported here, as in the other commands: torch takes seconds, and `codecd info` needs none of it.
    import torch

    from training.run import train

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(arguments.threads)
    checkpoint = train(load_recipe(arguments.recipe, arguments.overrides), arguments.out)
    print(f"{checkpoint}")
    return 0


def _publish(arguments: Namespace) -> int:
    import torch

    from training.publish import Publication, publish_run

    torch.set_num_threads(1)
    publication = Publication(
        name=arguments.name,
        channel=arguments.channel,
        golden=arguments.golden,
        description=arguments.description,
        licence=arguments.licence,
        card=arguments.card,
    )
    print(publish_run(arguments.run_folder, repository_of(arguments), publication))
    return 0

"""`codecd push` and `codecd pull`: models to and from a hub, or a folder in its layout."""

from argparse import Namespace

from codec.commands.options import SubParsers, add_command, add_repository, repository_of
from codec.repository import DEFAULT_CHANNEL, Repository, find_version

_PUSH_EXAMPLES = """examples:
  codecd push stream_16k hf://my-team/stream_16k          private, unless --public; HF_TOKEN says who you are
  codecd push stream_16k@canary hf://my-team/stream_16k@next
  codecd push stream_16k exported/                        the same files in a folder

hf:// needs pip install 'codecd[hub]'; HF_ENDPOINT names another hub.
"""
_PULL_EXAMPLES = """examples:
  codecd pull hf://my-team/stream_16k
  codecd pull hf://my-team/stream_16k@v4 --channel canary
  codecd pull exported/ --repository models/

Only files that the manifest lists are read, none is executed, and a version whose digests or golden codes are
not right is refused before the repository changes.
"""


def register_push(commands: SubParsers) -> None:
    """Add `codecd push`."""
    parser = add_command(commands, "push", "a model to a hub or a folder", _PUSH_EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help="name, name@channel, name@version, or a folder")
    parser.add_argument("target", metavar="TARGET", help="hf://owner/name[@branch], or a folder")
    parser.add_argument("--public", action="store_true", help="let everybody read a repository that is made")
    add_repository(parser)
    parser.set_defaults(run=_push)


def register_pull(commands: SubParsers) -> None:
    """Add `codecd pull`."""
    parser = add_command(commands, "pull", "a model from a hub or a folder", _PULL_EXAMPLES)
    parser.add_argument("source", metavar="SOURCE", help="hf://owner/name[@revision], or a folder")
    parser.add_argument("--channel", default=DEFAULT_CHANNEL, help="channel to move (default %(default)s)")
    add_repository(parser)
    parser.set_defaults(run=_pull)


def _push(arguments: Namespace) -> int:
    from codec.hub.place import place_of
    from codec.hub.push import push

    place = place_of(arguments.target)
    version = find_version(arguments.model, repository_of(arguments))
    push(version, place, arguments.public)
    print(f"pushed {version.name} to {arguments.target}")
    return 0


def _pull(arguments: Namespace) -> int:
    import torch

    from codec.hub.place import place_of
    from codec.hub.pull import pull

    torch.set_num_threads(1)
    found = pull(place_of(arguments.source), Repository(repository_of(arguments)), arguments.channel)
    print(f"{found.model}@{found.version} is {found.model}@{found.channel} now")
    return 0

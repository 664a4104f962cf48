"""The command `codecd stream`."""

import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from codec.commands.options import SubParsers, add_command
from codec.errors import InvalidRequestError
from service.client import ClientError
from service.stream.interrupt import Interrupt
from service.stream.options import add_audio_input, add_audio_output, add_connection, connect
from service.stream.work import Work, decode, encode, reconstruct

_EXAMPLES = """examples:
  sox speech.wav -t raw -r 16000 -e signed -b 16 -c 1 - | codecd stream encode > speech.cdc
  codecd stream encode speech.wav --realtime --n-q 4 -v | codecd stream decode | aplay
  codecd stream encode --microphone --server codec.example:443 --tls > call.cdc
  codecd stream encode speech.wav --tokens u16 --n-q 8 > speech.u16
  tail -c +1 -f call.cdc | codecd stream decode --audio s16le | aplay -f S16_LE -r 16000
  codecd stream decode speech.u16 --tokens u16 --n-q 8 --token-space ID > decoded.wav
  codecd stream reconstruct speech.wav --bitrate 2000 > heard.wav
  CODECD_API_KEY=... codecd stream reconstruct --microphone | aplay

Every message is written at once. Ctrl-C ends the input, not the stream: what was said is coded, and the
output is whole. A stream that the service loses is opened again and goes on without a gap.
"""


def register_stream(commands: SubParsers) -> None:
    """Add `codecd stream` with its sub-commands."""
    parser = add_command(commands, "stream", "live streams through a service, in a pipeline", _EXAMPLES)
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    encoding = _add(actions, "encode", "audio in, tokens out, while it is spoken", encode)
    add_audio_input(encoding)
    encoding.add_argument(
        "--tokens", choices=("cdc", "u16"), default="cdc", help="a .cdc file, or bare codes (default cdc)"
    )
    decoding = _add(actions, "decode", "tokens in, audio out, while they come", decode)
    decoding.add_argument("input", nargs="?", type=Path, metavar="TOKENS", help="default: standard input")
    decoding.add_argument("--tokens", choices=("cdc", "u16"), default="cdc", help="what comes (default cdc)")
    decoding.add_argument("--n-q", type=int, metavar="N", help="codebooks of u16 tokens")
    decoding.add_argument("--token-space", default="", metavar="ID", help="what made u16 tokens")
    add_audio_output(decoding)
    hearing = _add(
        actions, "reconstruct", "audio through the codec and back, while it is spoken", reconstruct
    )
    add_audio_input(hearing)
    add_audio_output(hearing)


def _add(actions: SubParsers, name: str, summary: str, work: Callable[[Work], None]) -> ArgumentParser:
    examples = "".join(line + "\n" for line in _EXAMPLES.splitlines() if f"stream {name}" in line)
    parser = add_command(actions, name, summary, f"examples:\n{examples}")
    add_connection(parser)
    parser.set_defaults(run=lambda arguments: _run(arguments, work))
    return parser


def _run(arguments: Namespace, work: Callable[[Work], None]) -> int:
    """Do the work; a reader that goes away ends it without a word, as it ends other filters."""
    if sys.stdout.isatty():
        raise InvalidRequestError("the output is binary; redirect it to a file or a program")
    try:
        with Interrupt() as interrupt, connect(arguments) as client:
            work(Work(arguments, client, interrupt, sys.stdout.buffer))
    except ClientError as error:
        print(f"codecd: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Python flushes standard output once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return 0

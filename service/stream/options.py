"""The command line of `codecd stream`, and the client that it asks for."""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from codec.commands.options import DEFAULT_N_Q
from codec.errors import InvalidRequestError
from codec.tokens import TokenFormat
from service.client import Client, Tls
from service.model_info import ModelInfo

_SERVER = "127.0.0.1:8001"
_SERVER_VARIABLE = "CODECD_SERVER"
_KEY_VARIABLE = "CODECD_API_KEY"
_RESUME_SECONDS = 30.0


def add_connection(parser: ArgumentParser) -> None:
    """Add what `connect` reads."""
    parser.add_argument(
        "--server",
        default=os.environ.get(_SERVER_VARIABLE, _SERVER),
        metavar="HOST:PORT",
        help=f"gRPC port of the service (default: ${_SERVER_VARIABLE}, else {_SERVER})",
    )
    parser.add_argument("--model", help="name, name@version or name@channel (default: the service's)")
    parser.add_argument(
        "--api-key-file",
        type=Path,
        metavar="FILE",
        help=f"holds the API key (default: ${_KEY_VARIABLE}, if set)",
    )
    parser.add_argument("--tls", action="store_true", help="the service has TLS, signed by a public CA")
    parser.add_argument("--tls-ca", type=Path, metavar="PEM", help="... or by one of these CAs")
    parser.add_argument("--tls-cert", type=Path, metavar="PEM", help="certificate to show, with --tls-key")
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="its private key")
    parser.add_argument(
        "--resume-seconds",
        type=float,
        default=_RESUME_SECONDS,
        metavar="S",
        help="for how long a lost stream is tried to be opened again; 0 = not at all (default %(default)g)",
    )
    parser.add_argument("--realtime", action="store_true", help="send no faster than it was spoken")
    parser.add_argument("-v", "--verbose", action="store_true", help="say once a second how it goes")


def add_audio_input(parser: ArgumentParser) -> None:
    """Add what an audio source is told by."""
    parser.add_argument(
        "input", nargs="?", type=Path, metavar="AUDIO", help="an audio file (default: PCM on standard input)"
    )
    parser.add_argument("--microphone", action="store_true", help="listen (needs the extra codecd[live])")
    parser.add_argument(
        "--pcm",
        choices=("s16le", "f32le"),
        default="s16le",
        help="PCM on standard input, mono (default s16le)",
    )
    parser.add_argument("--rate", type=int, metavar="HZ", help="of that PCM; must be the model's")
    rate = parser.add_mutually_exclusive_group()
    rate.add_argument("--n-q", type=int, metavar="N", help=f"codebooks to use (default {DEFAULT_N_Q})")
    rate.add_argument("--bitrate", type=int, metavar="BPS", help="at most so many bits per second instead")


def add_audio_output(parser: ArgumentParser) -> None:
    """Add how audio is written."""
    parser.add_argument(
        "--audio",
        choices=("wav", "s16le", "f32le"),
        default="wav",
        help="form of the audio on standard output (default wav, which pipes can carry, too)",
    )


def connect(arguments: Namespace) -> Client:
    """The client; raises `InvalidRequestError` or `OSError`."""
    return Client(grpc_target=arguments.server, api_key=_api_key(arguments), tls=_tls(arguments))


def n_q_of(arguments: Namespace, info: ModelInfo) -> int:
    """Codebooks to use; raises `InvalidRequestError` where the model has none such."""
    n_q: int | None = arguments.n_q
    if arguments.bitrate is not None:
        of_one = TokenFormat(info.sample_rate, info.hop_samples, info.codebook_size).bitrate_bps(1)
        n_q = min(arguments.bitrate // of_one, info.codebooks)
        if n_q < 1:
            raise InvalidRequestError(
                f"--bitrate {arguments.bitrate} is below one codebook: {float(of_one):g} bit/s"
            )
    if n_q is None:
        return min(DEFAULT_N_Q, info.codebooks)
    if not 1 <= n_q <= info.codebooks:
        raise InvalidRequestError(f"--n-q {n_q}: {info.model} has 1 to {info.codebooks} codebooks")
    return n_q


def _api_key(arguments: Namespace) -> str | None:
    path: Path | None = arguments.api_key_file
    return os.environ.get(_KEY_VARIABLE) if path is None else path.read_text().strip()


def _tls(arguments: Namespace) -> Tls | None:
    certificate, key = arguments.tls_cert, arguments.tls_key
    if (certificate is None) != (key is None):
        raise InvalidRequestError("a certificate needs its key; give both --tls-cert and --tls-key")
    if not (arguments.tls or arguments.tls_ca or certificate):
        return None
    return Tls(arguments.tls_ca, certificate, key)

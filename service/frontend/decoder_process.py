"""A process that decodes audio files from strangers, so that a hostile one can hurt nothing else.

Started as `python -m service.frontend.decoder_process FD`, it speaks over the socket FD: a request is a
header and a body, and so is the answer. The kernel holds it to a budget of memory and processor time, and
gives it no further descriptor: it can open no file, no socket and no library any more.
"""

import ctypes
import json
import os
import resource
import signal
import socket
import struct
import sys
from typing import Any

import numpy as np

from codec.audio import AudioLimits, PcmFormat, encode_audio, parse_pcm, read_audio
from codec.audio.convert import convert
from codec.audio.pcm import decode
from codec.errors import CodecError, LimitExceededError

FRAME = struct.Struct("<IQ")
"""Bytes of the JSON header, bytes of the body."""

Header = dict[str, Any]

_PR_SET_NO_NEW_PRIVS = 38


def pack(header: Header, body_bytes: int) -> bytes:
    """The start of a message whose body follows."""
    encoded = json.dumps(header).encode()
    return FRAME.pack(len(encoded), body_bytes) + encoded


def main() -> None:
    """Answer requests until the other side closes the socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        try:
            settings, _ = _receive(connection)
            _warm_up()
            _confine(settings["memory_bytes"])
            connection.sendall(pack({}, 0))
            while True:
                header, body = _receive(connection)
                _allow_cpu(settings["cpu_seconds"])
                answer, result = _answer(header, body)
                connection.sendall(pack(answer, len(result)))
                connection.sendall(result)
        except (EOFError, ConnectionError):
            return


def _answer(header: Header, body: bytes) -> tuple[Header, bytes | memoryview]:
    try:
        if header["task"] == "write":
            return _write(header, body)
        return _read(header, body)
    except CodecError as error:
        return {"error": type(error).__name__, "message": str(error)}, b""
    except MemoryError:
        message = "the audio needs too much memory to decode; send it in parts"
        return {"error": LimitExceededError.__name__, "message": message}, b""


def _read(header: Header, body: bytes) -> tuple[Header, memoryview]:
    limits = AudioLimits(**header["limits"])
    rate, channels = header["sample_rate"], header["channels"]
    if header["pcm"] is None:
        audio = read_audio(body, rate, limits, channels)
    else:
        pcm_format: PcmFormat = header["pcm"]["format"]
        raw = parse_pcm(body, pcm_format, header["pcm"]["sample_rate"], limits, header["pcm"]["channels"])
        audio = convert(raw, rate, channels)
    interleaved = np.ascontiguousarray(audio.samples.T, "<f4")
    return {"notes": list(audio.notes)}, interleaved.reshape(-1).view(np.uint8).data


def _write(header: Header, body: bytes) -> tuple[Header, bytes]:
    samples = decode(body, "s16", header["channels"])
    return {}, encode_audio(samples, header["sample_rate"], "flac")


def _receive(connection: socket.socket) -> tuple[Header, bytes]:
    header_bytes, body_bytes = FRAME.unpack(_receive_exactly(connection, FRAME.size))
    header: Header = json.loads(_receive_exactly(connection, header_bytes))
    return header, _receive_exactly(connection, body_bytes)


def _receive_exactly(connection: socket.socket, count: int) -> bytes:
    buffer = bytearray(count)
    view = memoryview(buffer)
    while view:
        received = connection.recv_into(view)
        if not received:
            raise EOFError
        view = view[received:]
    return bytes(buffer)


def _confine(memory_bytes: int) -> None:
    """Give up what decoding does not need: memory beyond a budget, files, sockets, processes, privileges."""
    with open("/proc/self/statm", encoding="ascii") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    _limit(resource.RLIMIT_AS, mapped + memory_bytes)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NPROC, 0)
    os.chdir("/")
    # The libraries comment on what they read: strangers would write our log.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    _no_new_privileges()
    # Descriptors below the limit can be opened, those above stay open: with 0, what there is now is all.
    _limit(resource.RLIMIT_NOFILE, 0)


def _warm_up() -> None:
    """Have libraries load what they load at first use, while files can still be opened."""
    flac = encode_audio(np.full((1, 800), 0.25, np.float32), 8_000, "flac")
    read_audio(flac, 16_000, AudioLimits())


def _no_new_privileges() -> None:
    """No program that this process might be made to run gets more rights than it has."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel does not take away privileges")


def _allow_cpu(seconds: float) -> None:
    """Let the next request use this much processor time; the kernel ends the process with SIGPROF beyond."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _limit(what: int, value: int) -> None:
    resource.setrlimit(what, (value, value))


if __name__ == "__main__":
    main()

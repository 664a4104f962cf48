"""Clients that behave badly on purpose, on plain sockets."""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator

import numpy as np

from codec.audio import encode_audio


def connect(port: int, receive_bytes: int | None = None) -> socket.socket:
    """A connection to the loopback address; `receive_bytes`: as little as the kernel should take in."""
    sock = socket.socket()
    if receive_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.settimeout(20.0)
    sock.connect(("127.0.0.1", port))
    return sock


def post(path: str, body: bytes, claimed: int | None = None) -> bytes:
    """A request as it goes over the wire; `claimed`: the length that it claims."""
    length = len(body) if claimed is None else claimed
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode() + body


def reset(sock: socket.socket) -> None:
    """Drop a connection without a good-bye."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def is_closed_within(sock: socket.socket, seconds: float, trickle: bytes = b"") -> bool:
    """Whether the server closes the connection, reading what it still says and sending `trickle` by bytes."""
    deadline = time.monotonic() + seconds
    sock.settimeout(0.1)
    sent = 0
    while time.monotonic() < deadline:
        try:
            if trickle:
                sock.send(trickle[sent % len(trickle)].to_bytes(1, "big"))
                sent += 1
            if not sock.recv(1 << 16):
                return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False


@contextlib.contextmanager
def many(port: int, count: int) -> Iterator[list[socket.socket]]:
    """So many connections that say nothing."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(connect(port)) for _ in range(count)]


def long_wav(seconds: float) -> bytes:
    """A file whose reconstruction does not fit into the buffers of sockets."""
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.standard_normal((1, round(seconds * 16_000)))).astype(np.float32).clip(-1, 1)
    return encode_audio(samples, 16_000, "wav")

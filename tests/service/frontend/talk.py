"""One side of a live stream, message by message, for tests."""

import queue
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import grpc
import numpy as np

from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc

Request = pb.StreamEncodeRequest
DecodeRequest = pb.StreamDecodeRequest


class Talk:
    """Sends requests when told to and reads responses one at a time; use it as a context manager."""

    def __init__(
        self,
        channel: grpc.Channel,
        method: str = "StreamEncode",
        metadata: tuple[tuple[str, str | bytes], ...] = (),
    ) -> None:
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        start = getattr(codec_pb2_grpc.CodecStub(channel), method)
        self.call = start(self._sending(), timeout=30, metadata=metadata)

    def send(self, *requests: Any) -> None:
        """Send messages."""
        for request in requests:
            self._requests.put(request)

    def finish(self) -> None:
        """Close the request side."""
        self._requests.put(None)

    def next(self) -> Any:
        """The next response."""
        return next(self.call)

    def rest(self) -> list[Any]:
        """All responses that are left."""
        return list(self.call)

    def status(self) -> tuple[grpc.StatusCode, str]:
        """How the stream ends, after all responses."""
        try:
            self.rest()
        except grpc.RpcError:
            assert self.call.done()
        return self.call.code(), self.call.details()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()
        self.call.cancel()

    def _sending(self) -> Iterator[Any]:
        while (request := self._requests.get()) is not None:
            yield request


def open_encode(n_q: int = 4, **fields: Any) -> pb.StreamEncodeRequest:
    """The first message of an encoding stream."""
    return Request(open=pb.OpenEncode(rate=pb.Rate(n_q=n_q), **fields))


def open_decode(token_space: str = "space-a", **fields: Any) -> pb.StreamDecodeRequest:
    """The first message of a decoding stream."""
    return DecodeRequest(open=pb.OpenDecode(token_space=token_space, **fields))


def audio(n_samples: int, value: float = 0.25) -> pb.StreamEncodeRequest:
    """16-bit samples of a constant."""
    samples = np.full(n_samples, round(value * 32_768), "<i2").tobytes()
    return Request(audio=pb.AudioChunk(samples=samples))


def tokens(frames: int, n_q: int = 4, code: int = 639) -> pb.StreamDecodeRequest:
    """Frames of one code."""
    codes = np.full((frames, n_q), code, "<u2").tobytes()
    return DecodeRequest(tokens=pb.Tokens(n_q=n_q, codes=codes))

"""A worker whose model does nothing: it speaks `service.ipc` and codes in a way that can be checked.

The code of a frame is its first sample in 10 bits; codebook q adds q. Decoding gives each frame the sample
value of its first code, so that constants survive the round trip. Front end tests run against it, and the
ceiling benchmark measures what is left when the model costs nothing.

    python -m tests.service.echo_worker SOCKET [--version V] [--token-space T] [--job-delay-seconds S] …
"""

import argparse
import asyncio
import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import uvloop
from numpy.typing import NDArray

from service.ipc import Kind, Message, MessageReader, Operation
from service.model_info import ModelInfo
from service.samples import SampleForm, pack, unpack
from service.status import Condition

HOP_SAMPLES = 320
DELAY_SAMPLES = 352
CODEBOOKS = 32
CODEBOOK_SIZE = 1024
SAMPLE_RATE = 16_000

Samples = NDArray[np.float32]
Codes = NDArray[np.uint16]


@dataclass(frozen=True)
class EchoConfig:
    """What a test can set: identity, places, delays for faults, and how long a memory is pretended."""

    socket: Path
    version: str = "1-aaaaaaaaaaaa"
    token_space: str = "space-a"
    model: str = "echo_16k"
    slots: int = 4
    job_delay_seconds: float = 0.0
    step_delay_seconds: float = 0.0
    receptive_field_samples: int = 3 * HOP_SAMPLES
    decoder_reach_frames: int = 2


def encode(samples: Samples, n_q: int) -> Codes:
    """Codes `[frame, n_q]` of whole frames."""
    first = np.rint((samples[::HOP_SAMPLES] + 1) * 511.5).clip(0, CODEBOOK_SIZE - 1).astype(np.uint16)
    codes: Codes = (first[:, None] + np.arange(n_q, dtype=np.uint16)) % np.uint16(CODEBOOK_SIZE)
    return codes


def decode(codes: Codes) -> Samples:
    """Samples of frames of codes `[frame, n_q]`."""
    return np.repeat(codes[:, 0].astype(np.float32) / np.float32(511.5) - np.float32(1), HOP_SAMPLES)


def heard(message: Message) -> Samples:
    """The samples of a JOB or DATA."""
    return unpack(message.payload, SampleForm(message.form), 1)[:, 0]


def frames_of(n_samples: int) -> int:
    """Frames of a flushed stream."""
    return -(-(n_samples + DELAY_SAMPLES) // HOP_SAMPLES)


@dataclass
class _Stream:
    operation: Operation
    n_q: int
    form: SampleForm
    buffer: Samples = field(default_factory=lambda: np.empty(0, np.float32))
    received: int = 0
    frames: int = 0

    def take(self, message: Message) -> tuple[int, int, bytes]:
        """n_q, index of the first item, and payload that come of one DATA."""
        if self.operation is Operation.DECODE:
            codes = np.frombuffer(message.payload, "<u2").reshape(-1, message.n_q)
            first = max(0, self.frames * HOP_SAMPLES - DELAY_SAMPLES)
            samples = decode(codes)[max(0, DELAY_SAMPLES - self.frames * HOP_SAMPLES) :]
            self.frames += len(codes)
            return 0, first, pack(samples[:, None], self.form)
        self.n_q = message.n_q
        samples = heard(message)
        self.received += len(samples)
        return self._encode(np.concatenate([self.buffer, samples]))

    def flush(self) -> tuple[int, int, bytes]:
        """What is left in the stream, which is fresh afterwards."""
        result = self.n_q, 0, b""
        if self.operation is Operation.ENCODE and self.received:
            missing = (frames_of(self.received) - self.frames) * HOP_SAMPLES - len(self.buffer)
            result = self._encode(np.concatenate([self.buffer, np.zeros(missing, np.float32)]))
        self.buffer = self.buffer[:0]
        self.received = self.frames = 0
        return result

    def _encode(self, samples: Samples) -> tuple[int, int, bytes]:
        whole = len(samples) // HOP_SAMPLES * HOP_SAMPLES
        self.buffer = samples[whole:]
        first = self.frames
        self.frames += whole // HOP_SAMPLES
        return self.n_q, first, encode(samples[:whole], self.n_q).tobytes()


class EchoConnection(asyncio.Protocol):
    """One front end; `counts` are sent as STATS when they change."""

    def __init__(self, config: EchoConfig) -> None:
        self._config = config
        self._reader = MessageReader()
        self._streams: dict[int, _Stream] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._transport: asyncio.Transport | None = None
        most = {"encode": config.slots, "decode": config.slots}
        told = dict.fromkeys(("capacity", "calibrated", "room"), most)
        self._counts: dict[str, Any] = {"cancelled": 0, "live_streams": 0, **told}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        config = self._config
        info = ModelInfo(
            config.model, config.version, config.token_space, SAMPLE_RATE, 1, HOP_SAMPLES, DELAY_SAMPLES,
            CODEBOOKS, CODEBOOK_SIZE, True, config.slots,
            receptive_field_samples=config.receptive_field_samples,
            decoder_reach_frames=config.decoder_reach_frames,
        )  # fmt: skip
        self._send(Message(Kind.HELLO, payload=json.dumps(asdict(info)).encode()))
        self._tell()

    def data_received(self, data: bytes) -> None:
        for message in self._reader.feed(data):
            self._handle(message)

    def _handle(self, message: Message) -> None:
        if message.kind in (Kind.JOB, Kind.BULK):
            self._later(message.session, self._config.job_delay_seconds, self._job, message)
        elif message.kind is Kind.OPEN:
            self._open(message)
        elif message.kind in (Kind.CANCEL, Kind.CLOSE):
            self._end(message)
        elif message.session in self._streams:
            if self._config.step_delay_seconds:
                loop = asyncio.get_running_loop()
                loop.call_later(self._config.step_delay_seconds, self._stream, message)
            else:
                self._stream(message)

    def _later(self, session: int, delay: float, work: Any, message: Message) -> None:
        if delay:
            self._timers[session] = asyncio.get_running_loop().call_later(delay, work, message)
        else:
            work(message)

    def _job(self, message: Message) -> None:
        self._timers.pop(message.session, None)
        if message.operation == Operation.ENCODE:
            samples = heard(message)
            frames = frames_of(len(samples))
            codes = encode(samples, message.n_q)
            padding = encode(np.zeros((frames - len(codes)) * HOP_SAMPLES, np.float32), message.n_q)
            payload = np.concatenate([codes, padding]).tobytes()
        else:
            codes = np.frombuffer(message.payload, "<u2").reshape(-1, message.n_q)
            payload = pack(decode(codes)[DELAY_SAMPLES:, None], SampleForm(message.form))
        self._send(
            Message(Kind.RESULT, message.session, message.operation, message.n_q, run_us=1, payload=payload)
        )

    def _open(self, message: Message) -> None:
        if len(self._streams) >= self._config.slots:
            text = b"all places for live streams are taken; try again later"
            self._send(Message(Kind.FAILED, message.session, value=Condition.OVERLOADED, payload=text))
            return
        self._streams[message.session] = _Stream(
            Operation(message.operation), message.n_q, SampleForm(message.form)
        )
        self._send(Message(Kind.OPENED, message.session, message.operation, message.n_q))
        self._tell(live_streams=len(self._streams))

    def _end(self, message: Message) -> None:
        if self._streams.pop(message.session, None) is not None:
            self._tell(live_streams=len(self._streams))
        if (timer := self._timers.pop(message.session, None)) is not None:
            timer.cancel()
            self._tell(cancelled=self._counts["cancelled"] + 1)

    def _stream(self, message: Message) -> None:
        stream = self._streams.get(message.session)
        if stream is None:
            return
        reply = Message(Kind.DATA, message.session, stream.operation, sequence=message.sequence)
        if message.kind is Kind.DATA:
            n_q, first, payload = stream.take(message)
            self._send(reply._replace(n_q=n_q, value=first, payload=payload))
            return
        n_q, first, payload = stream.flush()
        if payload:
            self._send(reply._replace(sequence=0xFFFF_FFFF, n_q=n_q, value=first, payload=payload))
        self._send(reply._replace(kind=Kind.FLUSHED))

    def _tell(self, **counts: int) -> None:
        streams = Counter(stream.operation.name.lower() for stream in self._streams.values())
        self._counts |= {**counts, "streams": {"encode": streams["encode"], "decode": streams["decode"]}}
        self._send(Message(Kind.STATS, payload=json.dumps(self._counts).encode()))

    def _send(self, message: Message) -> None:
        if self._transport is not None:
            self._transport.write(message.pack())


async def serve(config: EchoConfig) -> None:
    """Listen until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: EchoConnection(config), str(config.socket))
    await server.serve_forever()


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("socket", type=Path)
    for name, default in asdict(EchoConfig(Path())).items():
        if name != "socket":
            parser.add_argument("--" + name.replace("_", "-"), type=type(default), default=default)
    uvloop.run(serve(EchoConfig(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()

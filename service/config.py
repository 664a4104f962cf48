"""What `codecd serve` is told, checked once and shared by the supervisor, the front end and the workers."""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Device = Annotated[str, Field(pattern=r"^(cpu|cuda:\d+)$")]
Batching = Literal["auto", "compact", "fixed"]
DecodeDtype = Literal["float32", "bfloat16"]
Origin = Annotated[str, Field(pattern=r"^https?://[^/?#@\s]+$")]
"""Where a web page is from, as browsers say it."""


def _cores() -> int:
    return len(os.sched_getaffinity(0))


class Limits(BaseModel):
    """What one caller may ask for; everything is counted while it arrives, never taken from a header."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_body_bytes: int = Field(32 * 1024 * 1024, gt=0)
    max_audio_seconds: float = Field(600.0, gt=0)
    max_grpc_message_bytes: int = Field(4 * 1024 * 1024, gt=0)
    max_stream_message_bytes: int = Field(1024 * 1024, gt=0)
    min_sample_rate_hz: int = Field(8_000, gt=0)
    max_sample_rate_hz: int = Field(192_000, gt=0)
    max_channels: int = Field(8, gt=0)
    stream_window_seconds: float = Field(2.0, gt=0)
    slow_reader_seconds: float = Field(10.0, gt=0)
    idle_stream_seconds: float = Field(30.0, gt=0)
    deadline_seconds: float = Field(30.0, gt=0)


class CallerLimits(BaseModel):
    """What one caller may use at a time; None = as much as there is.

    `max_streams`: live streams open; `requests_per_second`: requests, and streams opened;
    `audio_seconds_per_second`: audio of all its work; `max_queued_audio_seconds`: audio of one-shot
    requests that wait or run. Front ends of one service count together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_streams: int | None = Field(None, ge=0)
    requests_per_second: float | None = Field(None, gt=0, allow_inf_nan=False)
    audio_seconds_per_second: float | None = Field(None, gt=0, allow_inf_nan=False)
    max_queued_audio_seconds: float | None = Field(None, gt=0, allow_inf_nan=False)

    def or_else(self, defaults: "CallerLimits") -> "CallerLimits":
        """These limits, and those of `defaults` where nothing is said."""
        return CallerLimits(**(defaults.model_dump() | self.model_dump(exclude_none=True)))


class TlsConfig(BaseModel):
    """PEM files: the server's certificate with its chain, its private key without a password, and, if
    callers have to show a certificate too, those that may have signed it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate: Path
    key: Path
    client_ca: Path | None = None


class SharedLedger(BaseModel):
    """The file in which front ends tell each other what callers use, and the `place` of one of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    place: int = Field(ge=0)


class ServeConfig(BaseModel):
    """The service as a whole.

    Ports of 0 are chosen by the system. `frontends`: processes that share `http_port` and `grpc_port`; the
    i-th one tells its metrics on `metrics_port + i`. `admin_port` is always on the loopback address.
    `models`: names to serve, the first one is the default; empty = every model of the repository.
    `channels`: which channels of every model are served side by side, the first one where none is named.
    `workers`: processes per model version, on the `devices` in turn; `batching`, `decode_dtype`: see
    `service.worker.device.Placement`. `slots` and `max_jobs`: live streams and one-shot requests
    that one worker holds at most. `grace_seconds`: how long a shutdown waits for work in flight;
    `drain_seconds`: how long a replaced version may keep its open streams. `keys`: the file of those who
    may call; None = anybody. `caller_limits`: for callers whose key says nothing else, and for all who
    call without keys together. `lag_seconds`: for how long a shutdown still takes new work after it
    has said that it is not ready. `max_connection_age_seconds`: after which callers are asked to make a new
    connection, whatever runs on the old one may end; 0 = never. `allowed_origins`: web pages that may open
    live streams beside the service's own, as `https://host` or `https://host:port`. `ledger`: the supervisor
    gives it to each of several front ends.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: Path
    host: str = "127.0.0.1"
    http_port: int = Field(8000, ge=0, le=65_535)
    grpc_port: int = Field(8001, ge=0, le=65_535)
    metrics_port: int = Field(9100, ge=0, le=65_535)
    admin_port: int = Field(0, ge=0, le=65_535)
    frontends: int = Field(1, ge=1, le=64)
    models: tuple[str, ...] = ()
    channels: tuple[str, ...] = Field(("stable",), min_length=1)
    workers: int = Field(default_factory=_cores, ge=1, le=256)
    devices: tuple[Device, ...] = Field(("cpu",), min_length=1)
    batching: Batching = "auto"
    decode_dtype: DecodeDtype = "float32"
    slots: int = Field(256, ge=1, le=4096)
    max_jobs: int = Field(64, ge=1, le=4096)
    max_queued_audio_seconds: float = Field(1800.0, gt=0)
    lag_seconds: float = Field(0.0, ge=0)
    grace_seconds: float = Field(30.0, ge=0)
    drain_seconds: float = Field(600.0, ge=0)
    max_connection_age_seconds: float = Field(1800.0, ge=0)
    channel_poll_seconds: float = Field(1.0, gt=0)
    limits: Limits = Limits()
    keys: Path | None = None
    tls: TlsConfig | None = None
    caller_limits: CallerLimits = CallerLimits()
    allowed_origins: tuple[Origin, ...] = ()
    ledger: SharedLedger | None = None

    @property
    def is_exposed(self) -> bool:
        """Whether other machines can reach the service."""
        if self.host == "localhost":
            return False
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return True

    @model_validator(mode="after")
    def _a_longest_request_fits(self) -> Self:
        if self.limits.max_audio_seconds > self.max_queued_audio_seconds:
            raise ValueError(
                f"max_queued_audio_seconds {self.max_queued_audio_seconds:g} is below "
                f"limits.max_audio_seconds {self.limits.max_audio_seconds:g}: "
                "the longest request could never be queued; raise it"
            )
        return self

    def to_message(self) -> dict[str, Any]:
        """The first line on the front end's control socket: `{"type": "config", …fields…}`."""
        return {"type": "config", **self.model_dump(mode="json")}

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Self:
        """The config out of such a line; raises pydantic's `ValidationError` for anything else."""
        return cls.model_validate({name: value for name, value in message.items() if name != "type"})


class WorkerConfig(BaseModel):
    """One worker process: one immutable model version, one socket that front ends connect to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    model: str
    version: str
    version_path: Path
    socket: Path
    slots: int = Field(256, ge=1)
    max_jobs: int = Field(64, ge=1)
    max_queued_audio_seconds: float = Field(1800.0, gt=0)
    device: Device = "cpu"
    batching: Batching = "auto"
    decode_dtype: DecodeDtype = "float32"

    def to_message(self) -> dict[str, Any]:
        """The first line on the worker's control socket: `{"type": "config", …fields…}`."""
        return {"type": "config", **self.model_dump(mode="json")}

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Self:
        """The config out of such a line; raises pydantic's `ValidationError` for anything else."""
        return cls.model_validate({name: value for name, value in message.items() if name != "type"})

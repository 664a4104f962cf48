"""What `codecd serve` is told, checked once and shared by the supervisor, the front end and the workers."""

import os
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


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


class ServeConfig(BaseModel):
    """The service as a whole.

    `models`: names to serve, the first one is the default; empty = every model of the repository.
    `workers`: processes per model version. `slots` and `max_jobs`: live streams and one-shot requests
    that one worker holds at most. `grace_seconds`: how long a shutdown waits for work in flight;
    `drain_seconds`: how long a replaced version may keep its open streams.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: Path
    host: str = "127.0.0.1"
    http_port: int = Field(8000, ge=0, le=65_535)
    grpc_port: int = Field(8001, ge=0, le=65_535)
    metrics_port: int = Field(9100, ge=0, le=65_535)
    models: tuple[str, ...] = ()
    channel: str = "stable"
    workers: int = Field(default_factory=_cores, ge=1, le=256)
    slots: int = Field(64, ge=1, le=4096)
    max_jobs: int = Field(64, ge=1, le=4096)
    max_queued_audio_seconds: float = Field(1800.0, gt=0)
    grace_seconds: float = Field(30.0, ge=0)
    drain_seconds: float = Field(600.0, ge=0)
    channel_poll_seconds: float = Field(1.0, gt=0)
    limits: Limits = Limits()

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
    slots: int = Field(64, ge=1)
    max_jobs: int = Field(64, ge=1)
    max_queued_audio_seconds: float = Field(1800.0, gt=0)

    def to_message(self) -> dict[str, Any]:
        """The first line on the worker's control socket: `{"type": "config", …fields…}`."""
        return {"type": "config", **self.model_dump(mode="json")}

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Self:
        """The config out of such a line; raises pydantic's `ValidationError` for anything else."""
        return cls.model_validate({name: value for name, value in message.items() if name != "type"})

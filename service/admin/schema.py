"""What the admin interface is asked and answers; the OpenAPI document is made of it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from codec.manifest import VersionName

VersionState = Literal["serving", "candidate", "draining"]


class WorkerStatus(BaseModel):
    """A worker that serves; `own_bytes` is the part of `resident_bytes` that no other process shares.

    `streams` and `jobs`: live streams and one-shot requests that it holds, at most a second ago.
    """

    id: str
    pid: int
    resident_bytes: int
    own_bytes: int
    streams: int
    jobs: int


class VersionStatus(BaseModel):
    """A version that runs: `candidate`: gets ready to serve; `draining`: finishes what it has.

    `starting`: processes that do not serve yet.
    """

    version: str
    state: VersionState
    workers: list[WorkerStatus]
    starting: list[int]


class ChannelStatus(BaseModel):
    """A channel: where it points, what answers for it, and where `rollback` would lead ("" = nowhere)."""

    name: str
    points_at: str
    generation: int
    serving: str
    previous: str
    problem: str


class RejectedVersion(BaseModel):
    """A version that was tried and refused: at which gate, and why."""

    version: str
    stage: str
    reason: str


class CanaryStatus(BaseModel):
    """Which share of unnamed work goes to the version of a channel; `withdrawn`: why it was taken back."""

    channel: str
    weight: float
    withdrawn: str


class ModelStatus(BaseModel):
    """A model: its channels, the default one first, and its versions as they run."""

    name: str
    channels: list[ChannelStatus]
    versions: list[VersionStatus]
    rejected: list[RejectedVersion]
    canary: CanaryStatus


class FrontEndStatus(BaseModel):
    """A front end process."""

    name: str
    pid: int
    ready: bool


class ServiceStatus(BaseModel):
    """The service as a whole; the first model is the default one. `available_bytes`: memory that is left."""

    draining: bool
    available_bytes: int
    frontends: list[FrontEndStatus]
    models: list[ModelStatus]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PromoteRequest(_Request):
    """Point a channel at a published version."""

    version: VersionName
    channel: str = Field("", description="empty = the default channel")


class RollbackRequest(_Request):
    """Point a channel back at the version that served before."""

    channel: str = Field("", description="empty = the default channel")


class CanaryRequest(_Request):
    """Give a share of the work that names no version to the version of a channel.

    `version`: point the channel at it first.
    """

    channel: str = "canary"
    version: VersionName | None = None
    weight: float = Field(ge=0, le=1, allow_inf_nan=False)


class DrainAnswer(BaseModel):
    """The service has begun to shut down."""

    draining: Literal[True] = True
    grace_seconds: float


class ProblemBody(BaseModel):
    """What went wrong: a word for programs and a sentence for people."""

    code: str
    message: str


class Problem(BaseModel):
    """The body of every answer that is not a success."""

    error: ProblemBody


class VersionChoice(BaseModel):
    """Where a channel points now."""

    model: str
    channel: str
    version: str
    generation: int

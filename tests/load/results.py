"""What a load of streams brought, by session and by message, put together from several processes."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from tests.load.lateness import Punctuality, Quantiles, Seconds, underruns
from tests.load.schedule import Kind
from tests.load.scripts import MESSAGE_SECONDS

HELD_MESSAGES = 2
"""What a player holds back before it starts, where nothing else is said."""

REFUSALS = ("RESOURCE_EXHAUSTED", "UNAVAILABLE")


@dataclass(frozen=True, slots=True)
class SessionResult:
    """How a gRPC stream went. Times in seconds: `began` and `ended` after the beginning of the load,
    `opened_after` from asking to Opened (NaN: never), `first_output` from when the first message was due.

    `status`: empty for a stream that ended well; `wrong`: codes or samples that differ, if `checked`.
    """

    kind: Kind
    side: Kind
    seat: int
    began: float
    opened_after: float
    first_output: float
    ended: float
    status: str
    detail: str
    retry_ms: int
    version: str
    checked: bool
    wrong: int

    @property
    def refused(self) -> bool:
        """Turned away before it was open."""
        return self.status in REFUSALS and bool(np.isnan(self.opened_after))

    @property
    def failed(self) -> bool:
        """Admitted, and then not served to the end."""
        return bool(self.status) and not self.refused


@dataclass(slots=True)
class Part:
    """What one process of the generator saw. `due`, `lateness`: of each message that was to be answered;
    `late`: of each message, by how much the generator sent it too late."""

    sessions: list[SessionResult] = field(default_factory=list)
    due: list[Seconds] = field(default_factory=list)
    lateness: list[Seconds] = field(default_factory=list)
    late: list[Seconds] = field(default_factory=list)
    cores: float = 0.0

    def add(self, session: SessionResult, due: Seconds, lateness: Seconds, late: Seconds) -> None:
        """Note a session that has ended."""
        self.sessions.append(session)
        self.due.append(due)
        self.lateness.append(lateness)
        self.late.append(late)

    def save(self, path: Path) -> None:
        """Write two files, `.json` and `.npz`."""
        sessions = [asdict(session) for session in self.sessions]
        path.with_suffix(".json").write_text(json.dumps({"cores": self.cores, "sessions": sessions}))
        series = {"due": self.due, "lateness": self.lateness, "late": self.late}
        arrays = {f"{name}{n}": array for name, arrays in series.items() for n, array in enumerate(arrays)}
        np.savez(path.with_suffix(".npz"), **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "Part":
        """Read what `save` wrote."""
        content = json.loads(path.with_suffix(".json").read_text())
        part = cls(cores=content["cores"])
        with np.load(path.with_suffix(".npz")) as stored:
            for number, item in enumerate(content["sessions"]):
                session = SessionResult(**{**item, "kind": Kind(item["kind"]), "side": Kind(item["side"])})
                part.add(session, *(stored[f"{name}{number}"] for name in ("due", "lateness", "late")))
        return part


@dataclass(frozen=True, slots=True)
class Outcome:
    """All sessions that a question is about, and the lateness of their messages in a span of time."""

    sessions: tuple[SessionResult, ...]
    lateness: tuple[Seconds, ...]
    late: Seconds

    @classmethod
    def of(
        cls,
        parts: list[Part],
        kind: Kind | None = None,
        span: tuple[float, float] = (0.0, float("inf")),
        seats: range | None = None,
    ) -> "Outcome":
        """Sessions of a kind (None: all) and of some seats (None: all); messages due within `span`.

        Those that were not served count whenever that was: who is turned away has ended before the span.
        """
        chosen, lateness, late = [], [], [np.zeros(0)]
        for part in parts:
            rows = zip(part.sessions, part.due, part.lateness, part.late, strict=True)
            for session, due, taken, own in rows:
                is_wanted = kind in (None, session.kind) and (seats is None or session.seat in seats)
                was_there = session.ended >= span[0] or session.refused or session.failed
                if is_wanted and session.began <= span[1] and was_there:
                    chosen.append(session)
                    lateness.append(taken[(due >= span[0]) & (due <= span[1])])
                    late.append(own)
        return cls(tuple(chosen), tuple(lateness), np.concatenate(late))

    @property
    def quantiles(self) -> Quantiles:
        """Of the lateness of all messages."""
        return Quantiles.of(np.concatenate([np.zeros(0), *self.lateness]))

    @property
    def punctuality(self) -> Punctuality:
        """Of the generator."""
        return Punctuality.of(self.late)

    @property
    def worst_p99_ms(self) -> float:
        """The largest p99 of a single stream."""
        return max(
            (Quantiles.of(taken).p99_ms for taken in self.lateness if len(taken)), default=float("nan")
        )

    @property
    def underruns(self) -> int:
        """Of all streams, whose players hold two messages back."""
        return self.underruns_of(HELD_MESSAGES * MESSAGE_SECONDS)

    def underruns_of(self, held_seconds: float) -> int:
        """Of all streams, whose players hold so much back."""
        return sum(underruns(taken, held_seconds) for taken in self.lateness)

    @property
    def refused(self) -> list[SessionResult]:
        """Sessions turned away."""
        return [session for session in self.sessions if session.refused]

    @property
    def failed(self) -> list[SessionResult]:
        """Sessions admitted and then broken off."""
        return [session for session in self.sessions if session.failed]

    @property
    def wrong(self) -> int:
        """Codes and samples that differ from the known ones."""
        return sum(session.wrong for session in self.sessions)

    def reasons(self) -> list[list[object]]:
        """What clients were told that were not served, and how often."""
        found = Counter(
            (str(session.kind), session.status, session.detail) for session in self.sessions if session.status
        )
        return [[*key, number] for key, number in sorted(found.items())]

"""What one caller has in use, against what it may use."""

import time

from service.config import CallerLimits
from service.frontend.account import Account
from service.frontend.quota_rate import Clock, RateLimit
from service.status import Condition, ServiceError

# A caller that was quiet may use at once what it could have used in this time.
_BURST_SECONDS = 10.0
# Streams, and requests under way, end when their caller or their audio ends, which nobody can foresee.
_RETRY_SECONDS = 1.0


class Quota:
    """The use that one caller makes of the service; every refusal is a QUOTA_EXCEEDED.

    `account`: where the use is kept; None = nobody else looks.
    """

    def __init__(
        self, limits: CallerLimits, account: Account | None = None, clock: Clock = time.monotonic
    ) -> None:
        account = account or Account.alone()
        self._limits = limits
        self._streams = account.streams
        self._queued = account.queued_seconds
        self._requests = RateLimit(*_requests(limits), account.requests, clock)
        self._audio = RateLimit(*_audio(limits), account.audio_seconds, clock)

    @property
    def streams(self) -> int:
        """Live streams here."""
        return int(self._streams.own)

    @property
    def queued_seconds(self) -> float:
        """Audio that waits here."""
        return self._queued.own

    @property
    def overdrawn(self) -> bool:
        """Whether more audio has come than the caller may send."""
        return self._audio.wait_seconds() > 0

    def change(self, limits: CallerLimits) -> None:
        """Other limits from now on; what is in use stays in use."""
        self._limits = limits
        self._requests.change(*_requests(limits))
        self._audio.change(*_audio(limits))

    def begin(self) -> None:
        """Count a request. Raises `ServiceError` if there are too many, or too much audio came before."""
        if wait := self._requests.wait_seconds(1.0):
            raise _exceeded(f"{self._limits.requests_per_second:g} requests per second", wait)
        if wait := self._audio.wait_seconds():
            raise _exceeded(f"{self._limits.audio_seconds_per_second:g} s of audio per second", wait)
        self._requests.take(1.0)

    def queue(self, audio_seconds: float) -> None:
        """Count audio as waiting; `unqueue` ends that. Raises `ServiceError` if too much waits already.

        A caller that has nothing waiting may always send one piece, as long as it may be.
        """
        most = self._limits.max_queued_audio_seconds
        if most is not None:
            queued = self._queued.own + self._queued.others
            if queued > 0 and queued + audio_seconds > most:
                raise _exceeded(f"{most:g} s of audio waiting", _RETRY_SECONDS)
        self._queued.own += audio_seconds
        self._audio.take(audio_seconds)

    def unqueue(self, audio_seconds: float) -> None:
        """The audio has been worked on, or given up."""
        # Sums of fractions do not come back to zero by themselves.
        left = self._queued.own - audio_seconds
        self._queued.own = left if left >= 1e-6 else 0.0

    def open_stream(self) -> None:
        """Count a live stream; `close_stream` ends that. Raises `ServiceError`."""
        most = self._limits.max_streams
        # Counted first, so that two front ends cannot both give the last place away.
        self._streams.own += 1
        try:
            if most is not None and self._streams.own + self._streams.others > most:
                raise _exceeded(f"{most} live streams", _RETRY_SECONDS)
            self.begin()
        except ServiceError:
            self.close_stream()
            raise

    def close_stream(self) -> None:
        """The stream has ended."""
        self._streams.own -= 1

    def heard(self, audio_seconds: float) -> None:
        """Count audio that came on a live stream, which is not refused but read more slowly."""
        self._audio.take(audio_seconds)


def _requests(limits: CallerLimits) -> tuple[float | None, float]:
    rate = limits.requests_per_second
    return rate, max(1.0, _BURST_SECONDS * (rate or 0.0))


def _audio(limits: CallerLimits) -> tuple[float | None, float]:
    rate = limits.audio_seconds_per_second
    return rate, _BURST_SECONDS * (rate or 0.0)


def _exceeded(limit: str, retry_after_seconds: float) -> ServiceError:
    message = f"your limit of {limit} is reached; ask again later, or ask the operator for more"
    return ServiceError(Condition.QUOTA_EXCEEDED, message, retry_after_seconds)


UNLIMITED = Quota(CallerLimits())
"""For work that nobody has to answer for."""

"""How much of a queue one caller may hold, and who waits how long: the rules of front ends and workers."""

from collections.abc import Callable, Hashable, Iterable
from typing import Protocol, TypeVar

from service.status import Condition, ServiceError

_STRETCH = 2
"""A job may be overtaken by its caller's for as long as twice its own run time: short ones pass long ones,
none starves."""
_INTERACTIVE_MULTIPLE = 7
_BULK_MULTIPLE = 1
"""A caller alone may fill seven eighths of a queue with interactive work, and half of it with bulk."""


def check_place(held: float, size: float, used: float, *, bulk: bool) -> None:
    """Raise `ServiceError` OVERLOADED if one who holds so much of a queue may take no more of it.

    `held`: by one caller in one class; `used`: by all. Nobody may hold more than a multiple of what is free:
    however much one caller sends there is room for another's first request, and room that is given back
    goes to those who hold least. (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory
    packet switches", 1998.)
    """
    if used >= size:
        raise ServiceError(Condition.OVERLOADED, "the queue is full; try again later")
    if held >= (_BULK_MULTIPLE if bulk else _INTERACTIVE_MULTIPLE) * (size - used):
        text = "the queue holds as much of your work as it may; wait for answers, or try again later"
        raise ServiceError(Condition.OVERLOADED, text)


def check_audio(held: float, size: float, used: float, more: float, *, bulk: bool) -> None:
    """Raise as `check_place`, in seconds of audio, and if `more` of them do not fit."""
    if used + more > size:
        raise _overloaded(f"{used:.0f} s of audio are queued")
    check_place(held, size, used, bulk=bulk)


class InLine(Protocol):
    """A job in a queue. `caller`: who asked; `bulk`: it runs when nothing else does; `order_ns`: the order
    among jobs of one caller and class."""

    @property
    def caller(self) -> Hashable: ...

    @property
    def bulk(self) -> bool: ...

    @property
    def order_ns(self) -> int: ...


J = TypeVar("J", bound=InLine)


def order_of(arrived_ns: int, own_seconds: float) -> int:
    """The order of a job that takes so long among those of its caller and class."""
    return arrived_ns + round(_STRETCH * own_seconds * 1e9)


def seconds_ahead(job: J, own: float, queued: Iterable[J], run_seconds: Callable[[J], float]) -> float:
    """Work that is done before the job is: better classes, what its caller sent before, and as much of each
    of the other callers as they get turns meanwhile.

    `own`: what the job takes; `run_seconds`: what is left of another one.
    """
    before = own_before = 0.0
    others: dict[Hashable, float] = {}
    for other in queued:
        if _same_line(other, job):
            own_before += run_seconds(other) if other.order_ns <= job.order_ns else 0.0
        elif other.bulk == job.bulk:
            others[other.caller] = others.get(other.caller, 0.0) + run_seconds(other)
        elif job.bulk:
            before += run_seconds(other)
    return before + own_before + sum(min(theirs, own_before + own) for theirs in others.values())


def check_deadline(left: float, ahead: float, own: float) -> None:
    """Raise `ServiceError` OVERLOADED if a job and what stands before it take longer than is left."""
    if ahead + own > left:
        raise _overloaded(f"{ahead:.1f} s of work are queued, too much for the deadline of the request")


def _same_line(one: InLine, other: InLine) -> bool:
    return (one.caller, one.bulk) == (other.caller, other.bulk)


def _overloaded(reason: str) -> ServiceError:
    return ServiceError(Condition.OVERLOADED, f"{reason}; try again later or elsewhere")

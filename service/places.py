"""How much of a queue one caller may hold; front ends and workers go by the same rule."""

from service.status import Condition, ServiceError

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

"""Who asks, and under which id: known to everything that runs for a request, its log lines included."""

import random
from contextvars import ContextVar

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that this task serves; empty outside of requests."""

CALLER: ContextVar[str] = ContextVar("caller", default="")
"""The name of the caller's key; empty where callers are not told apart."""

TRACE_ID: ContextVar[str] = ContextVar("trace_id", default="")
"""The trace that the request is part of, in 32 hexadecimal digits; empty where nobody traces."""

_MAX_ID_CHARACTERS = 128


def begin_request(given: str | None) -> str:
    """Note the id that the caller gave its request, cut to 128 characters, or a new one; the id."""
    request_id = (given or f"{random.getrandbits(64):016x}")[:_MAX_ID_CHARACTERS]
    REQUEST_ID.set(request_id)
    return request_id

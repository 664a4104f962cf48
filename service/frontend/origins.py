"""Which web pages may open live streams: browsers let every page connect a WebSocket to every host."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from service.status import Condition, ServiceError


class Origins:
    """The service's own pages, and those of the origins that the operator has allowed.

    Browsers say where a page is from; programs that are none say nothing, and are let in.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(origin.lower() for origin in allowed)

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Raise `ServiceError` PERMISSION_DENIED for a page from elsewhere.

        `headers`: names in lower case, and values, as ASGI has them.
        """
        host, origins = "", []
        for name, value in headers:
            if name == b"origin":
                origins.append(value.decode("latin-1").lower())
            elif name == b"host":
                host = value.decode("latin-1").lower()
        for origin in origins:
            if origin not in self._allowed and _host_of(origin) != host:
                message = f"pages of {origin[:200]!r} may not connect here; allow them with --allow-origin"
                raise ServiceError(Condition.PERMISSION_DENIED, message)


def _host_of(origin: str) -> str | None:
    """Host and port as in a Host header; None for an origin that is no web page's."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc if parts.scheme in ("http", "https") and parts.netloc else None

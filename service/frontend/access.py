"""Who is calling: from the key in a request to the caller's name, scopes and quota."""

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from service.config import CallerLimits
from service.frontend.file_watch import FileWatch
from service.frontend.keys import KeyEntry, Scope, digest_of, read_keys
from service.frontend.ledger import Ledger
from service.frontend.quota import Quota
from service.request_context import CALLER
from service.status import Condition, ServiceError

SCOPES_OF: Mapping[str, frozenset[Scope]] = {
    "encode": frozenset({Scope.ENCODE}),
    "decode": frozenset({Scope.DECODE}),
    "reconstruct": frozenset({Scope.ENCODE, Scope.DECODE}),
}
"""What a key must be good for, by one-shot operation."""

# Far longer than any key: nobody makes the service digest megabytes before it says no.
_MAX_KEY_CHARACTERS = 256
# Keys are found by part of their digest; whether they are the same is then told in constant time.
_INDEX_BYTES = 8
_BEARER = "bearer "
_KEY_OFFER = "key."
_STREAM = frozenset({Scope.STREAM})


@dataclass(eq=False, slots=True)
class Caller:
    """One who calls, known by name; `is_revoked` once the key has been withdrawn."""

    name: str
    scopes: frozenset[Scope]
    quota: Quota
    is_revoked: bool = False

    def begin(self, operation: str) -> None:
        """Count a one-shot request.

        Raises `ServiceError`: PERMISSION_DENIED if the key is not good for it, QUOTA_EXCEEDED.
        """
        self.require(SCOPES_OF[operation])
        self.quota.begin()

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Count a live stream for as long as it lasts; raises like `begin`."""
        self.require(_STREAM)
        self.quota.open_stream()
        try:
            yield
        finally:
            self.quota.close_stream()

    def require(self, scopes: frozenset[Scope]) -> None:
        """Raise `ServiceError` PERMISSION_DENIED if the key is not good for all of this."""
        if not scopes <= self.scopes:
            missing = ", ".join(sorted(scopes - self.scopes))
            message = f"your key is not good for {missing}; ask the operator for one that is"
            raise ServiceError(Condition.PERMISSION_DENIED, message)


_CALLING: ContextVar[Caller] = ContextVar("calling")


def calling() -> Caller:
    """Who has made the request that this task serves; only what came past `Access` has one."""
    return _CALLING.get()


class Access:
    """Lets callers in and finds out who they are; without a key file all are one without a name.

    Keys come in headers and gRPC metadata only, because addresses end up in logs: as `Authorization: Bearer
    KEY`, as `X-Api-Key: KEY`, and from browsers as `key.KEY` among the subprotocols of a WebSocket.
    `refresh` takes over a changed file; a broken one leaves the keys before in force and is counted by
    `failed`. Quotas are kept in `ledger` where several front ends share them. Raises `OSError` and
    `ConfigError` for a file that is broken from the start.
    """

    def __init__(
        self,
        keys: Path | None,
        defaults: CallerLimits,
        failed: Callable[[str], None],
        ledger: Ledger | None = None,
    ) -> None:
        self._defaults = defaults
        self._ledger = ledger
        self._anonymous = Caller("", frozenset(Scope), self._quota(defaults)) if keys is None else None
        self._by_digest: dict[bytes, tuple[bytes, Caller]] = {}
        self._watch: FileWatch | None = None
        if keys is not None:
            self._watch = FileWatch("keys", [keys], lambda: self._take(read_keys(keys)), failed)

    def refresh(self) -> None:
        """Take over the key file if it has changed."""
        if self._watch is not None:
            self._watch.check()

    def enter_http(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Let an HTTP request or a WebSocket in; raises `ServiceError` UNAUTHENTICATED.

        `headers`: names in lower case, and values, as ASGI has them.
        """
        _enter(self._anonymous or self._find(_http_key(headers)))

    def enter_rpc(self, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        """Let an RPC of any kind in; raises `ServiceError` UNAUTHENTICATED."""
        _enter(self._anonymous or self._find(_rpc_key(metadata)))

    def _quota(self, limits: CallerLimits, digest: bytes = b"") -> Quota:
        return Quota(limits, self._ledger.account(digest) if self._ledger is not None else None)

    def _find(self, key: str | None) -> Caller:
        if not key:
            message = "no key came with the request; send one as Authorization: Bearer KEY or X-Api-Key: KEY"
            raise ServiceError(Condition.UNAUTHENTICATED, message)
        if len(key) <= _MAX_KEY_CHARACTERS:
            digest = digest_of(key)
            known = self._by_digest.get(digest[:_INDEX_BYTES])
            if known is not None and hmac.compare_digest(known[0], digest):
                return known[1]
        message = "the key is unknown or has been withdrawn; ask the operator for another"
        raise ServiceError(Condition.UNAUTHENTICATED, message)

    def _take(self, entries: Iterable[KeyEntry]) -> None:
        """Put new entries in force; who was there before keeps what is in use."""
        before = dict(self._by_digest.values())
        after: dict[bytes, tuple[bytes, Caller]] = {}
        for entry in entries:
            limits = entry.limits.or_else(self._defaults)
            caller = before.pop(entry.digest, None)
            if caller is None:
                caller = Caller(entry.name, entry.scopes, self._quota(limits, entry.digest))
            else:
                caller.name, caller.scopes = entry.name, entry.scopes
                caller.quota.change(limits)
            after[entry.digest[:_INDEX_BYTES]] = (entry.digest, caller)
        self._by_digest = after
        for caller in before.values():
            caller.is_revoked = True


def _enter(caller: Caller) -> None:
    _CALLING.set(caller)
    CALLER.set(caller.name)


def _http_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    key = None
    for name, value in headers:
        if name == b"authorization":
            key = _of_bearer(value.decode("latin-1")) or key
        elif name == b"x-api-key":
            key = value.decode("latin-1")
        elif name == b"sec-websocket-protocol":
            key = _of_subprotocols(value.decode("latin-1")) or key
    return key


def _rpc_key(metadata: Iterable[tuple[str, str | bytes]]) -> str | None:
    key = None
    for name, value in metadata:
        if name == "authorization":
            key = _of_bearer(str(value)) or key
        elif name == "x-api-key":
            key = str(value)
    return key


def _of_subprotocols(value: str) -> str | None:
    """The key among the subprotocols of a WebSocket: browsers let a page set no other header."""
    offered = (name.strip() for name in value.split(","))
    return next((name[len(_KEY_OFFER) :] for name in offered if name.startswith(_KEY_OFFER)), None)


def _of_bearer(value: str) -> str | None:
    """The key in an Authorization header, or None for another scheme, which some proxy may need."""
    return value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else None

"""How a client shows who it is, and how it knows the service: a key, and TLS."""

import ssl
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import grpc

Stub = TypeVar("Stub")

# A service that was away is looked for at least this often; gRPC's own delays grow to two minutes.
CHANNEL_OPTIONS = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000))


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files: whom to trust as the service (None = public CAs), and a certificate to show if asked."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """For REST. Raises `OSError` for files that cannot be read or used."""
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """For gRPC. Raises `OSError` for files that cannot be read."""
        return grpc.ssl_channel_credentials(*map(_content, (self.ca, self.key, self.certificate)))


def http_options(api_key: str | None, tls: Tls | None) -> dict[str, Any]:
    """What an httpx client needs for all its requests."""
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    return {"headers": headers, "verify": True if tls is None else tls.context()}


def with_key(stub: Stub, api_key: str | None) -> Stub:
    """The stub, every call of which sends the key."""
    if api_key is not None:
        metadata = (("authorization", f"Bearer {api_key}"),)
        for name, method in vars(stub).items():
            setattr(stub, name, partial(method, metadata=metadata))
    return stub


def _content(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()

"""Python clients of the service: `Client` blocks, `AsyncClient` awaits; both speak REST and gRPC streams."""

from service.client.aio import AsyncClient
from service.client.blocking import Client
from service.client.credentials import Tls
from service.client.errors import (
    ClientError,
    DeadlineError,
    RefusedError,
    ServiceFailedError,
    TryAgainError,
)
from service.client.exchange import AudioInput, Selection, TokensInput
from service.client.streams import AudioChunk, PcmInput, TokenChunk

__all__ = [
    "AsyncClient",
    "AudioChunk",
    "AudioInput",
    "Client",
    "ClientError",
    "DeadlineError",
    "PcmInput",
    "RefusedError",
    "Selection",
    "ServiceFailedError",
    "Tls",
    "TokenChunk",
    "TokensInput",
    "TryAgainError",
]

"""Both clients against a service that asks for a key and a certificate."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.client import AsyncClient, Client, ClientError, RefusedError, Tls, TryAgainError
from service.config import CallerLimits, TlsConfig
from service.frontend.keys import Scope, add_key
from tests.service.certificates import Authority
from tests.service.frontend.harness import START_SECONDS, Service, tone, wait_until


@dataclass(frozen=True)
class Secured:
    """A running service, and what opens it."""

    service: Service
    key: str
    tls: Tls

    def client(self, key: str | None = None, tls: Tls | None = None) -> Client:
        """A client with the right key and certificate, unless others are given."""
        tls = tls or self.tls
        return Client(*self.addresses, api_key=key or self.key, tls=tls, timeout_seconds=20)

    @property
    def addresses(self) -> tuple[str, str]:
        """Of REST and gRPC."""
        return f"https://127.0.0.1:{self.service.http_port}", self.service.grpc_target


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A service with keys and mTLS."""
    folder = tmp_path_factory.mktemp("access")
    authority = Authority("CA")
    ca = folder / "ca.pem"
    ca.write_bytes(authority.certificate)
    certificate, private_key = authority.sign("server").write(folder, "server")
    key = add_key(folder / "keys.jsonl", "tester", list(Scope), CallerLimits(max_streams=1))
    config = TlsConfig(certificate=certificate, key=private_key, client_ca=ca)
    with Service(tls=config, keys=folder / "keys.jsonl") as service:
        service.add_worker()
        secured = Secured(service, key, Tls(ca, *authority.sign("client").write(folder, "client")))
        wait_until(lambda: has_models(secured), START_SECONDS)
        yield secured


def has_models(secured: Secured) -> bool:
    with secured.client() as client:
        return bool(client.models())


def test_the_blocking_client_shows_key_and_certificate(secured: Secured) -> None:
    with secured.client() as client:
        tokens = client.encode(tone(0.5))
        assert tokens.n_samples == 8000
        assert client.decode(tokens).samples.shape == (1, 8000)
        chunks = list(client.stream_encode(iter([tone(0.5)])))
        assert sum(chunk.codes.shape[1] for chunk in chunks) == tokens.codes.shape[1]


async def test_the_asynchronous_client_shows_them_too(secured: Secured) -> None:
    async def pieces() -> AsyncIterator[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
        yield tone(0.5)

    async with AsyncClient(*secured.addresses, api_key=secured.key, tls=secured.tls) as client:
        tokens = await client.encode(tone(0.5))
        assert tokens.n_samples == 8000
        chunks = [chunk async for chunk in client.stream_encode(pieces())]
        assert sum(chunk.codes.shape[1] for chunk in chunks) == tokens.codes.shape[1]


def test_a_wrong_key_is_refused_by_name(secured: Secured) -> None:
    with secured.client("cdk_wrong") as client:
        for work in (client.models, lambda: list(client.stream_encode(iter([tone(0.1)])))):
            with pytest.raises(RefusedError) as caught:
                work()
            assert caught.value.code == "unauthenticated"


def test_a_quota_says_when_to_come_again(secured: Secured) -> None:
    with secured.client() as client:
        held: Any = client.stream_encode(tone(0.1) for _ in range(1000))
        next(held)
        with pytest.raises(TryAgainError) as caught:
            list(client.stream_encode(iter([tone(0.1)])))
        assert caught.value.retry_after_seconds == 1.0
        held.close()


@pytest.mark.parametrize("known", ["service", "caller"])
def test_neither_side_speaks_to_one_it_does_not_know(secured: Secured, known: str, tmp_path: Path) -> None:
    stranger = Authority("stranger")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(stranger.certificate)
    own = stranger.sign("client").write(tmp_path, "client")
    tls = (
        Tls(secured.tls.ca, *own) if known == "service" else Tls(ca, secured.tls.certificate, secured.tls.key)
    )
    with secured.client(tls=tls) as client, pytest.raises(ClientError) as caught:
        client.models()
    assert caught.value.code == "unavailable"


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Client(tls=Tls(tmp_path / "no.pem"))

"""TLS over real sockets, REST and gRPC: who is let in, and certificates that change underneath."""

import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest

from codec.errors import ConfigError
from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from service.config import TlsConfig
from service.frontend.tls import Certificates, check_files
from tests.service.certificates import Authority, Pair
from tests.service.frontend.harness import START_SECONDS, Service, wait_until, wav
from tests.service.frontend.talk import Talk, audio, open_encode


class Secured:
    """A service whose certificates lie in a folder, and connections to it."""

    def __init__(self, folder: Path, *, with_client_ca: bool) -> None:
        self.authority = Authority("server CA")
        self.client_authority = Authority("client CA")
        self.client: Pair | None = self.client_authority.sign("client") if with_client_ca else None
        self._folder = folder
        self._ca = folder / "client_ca.pem"
        self._ca.write_bytes(self.client_authority.certificate)
        certificate, key = self.authority.sign("first").write(folder, "server")
        client_ca = self._ca if with_client_ca else None
        self.service = Service(tls=TlsConfig(certificate=certificate, key=key, client_ca=client_ca))
        self.service.add_worker()

    def replace(self, pair: Pair) -> None:
        """Put another certificate in place of the first."""
        pair.write(self._folder, "server")

    def replace_client_ca(self, authority: Authority) -> None:
        """Let in whom another CA has signed, and nobody else, as an operator would do it: by renaming."""
        new = self._folder / "new"
        new.write_bytes(authority.certificate)
        os.replace(new, self._ca)

    def context(self, client: Pair | None) -> ssl.SSLContext:
        """How a caller with this certificate connects by HTTPS."""
        context = ssl.create_default_context(cadata=self.authority.certificate.decode())
        if client is not None:
            context.load_cert_chain(*client.write(self._folder, "client"))
        return context

    def channel(self, client: Pair | None) -> grpc.Channel:
        """How a caller with this certificate connects by gRPC."""
        pair = (None, None) if client is None else (client.key, client.certificate)
        credentials = grpc.ssl_channel_credentials(self.authority.certificate, *pair)
        # Channels to one place share connections otherwise, and so would those of different callers.
        options = (("grpc.use_local_subchannel_pool", 1),)
        return grpc.secure_channel(self.service.grpc_target, credentials, options)

    def ready_over_https(self, client: Pair | None) -> bool:
        """Whether a new connection gets a good answer."""
        url = f"https://127.0.0.1:{self.service.http_port}/health/ready"
        try:
            return httpx.get(url, verify=self.context(client)).status_code == 200
        except httpx.TransportError:
            return False

    def ready_over_grpc(self, client: Pair | None) -> bool:
        """Whether a new connection gets an answer."""
        with self.channel(client) as channel:
            try:
                codec_pb2_grpc.ModelsStub(channel).List(pb.ListModelsRequest(), timeout=5)
            except grpc.RpcError as error:
                if "UNAVAILABLE" in str(error):
                    return False
                raise
            return True

    def shown_by(self, port: int) -> bytes:
        """The certificate that a listener shows to a new connection, DER."""
        context = self.context(self.client)
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            shown = connection.getpeercert(binary_form=True)
        assert shown is not None
        return shown


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A service with a certificate, which asks callers for theirs."""
    secured = Secured(tmp_path_factory.mktemp("tls"), with_client_ca=True)
    with secured.service:
        wait_until(lambda: secured.ready_over_https(secured.client), START_SECONDS)
        yield secured
        assert secured.service.frontend.poll() is None, "the front end has ended"


def der(pair: Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.certificate.decode())


def test_callers_with_a_certificate_are_served_and_no_others(secured: Secured) -> None:
    stranger = Authority("client CA").sign("client")
    assert secured.ready_over_grpc(secured.client)
    for client in (None, stranger):
        assert not secured.ready_over_https(client)
        assert not secured.ready_over_grpc(client)
    plain = f"http://127.0.0.1:{secured.service.http_port}/health/ready"
    with pytest.raises(httpx.TransportError):
        httpx.get(plain)


def test_a_new_certificate_is_shown_and_open_connections_live_on(secured: Secured) -> None:
    http_port, grpc_port = secured.service.http_port, secured.service.grpc_port
    url = f"https://127.0.0.1:{http_port}"
    with (
        httpx.Client(base_url=url, verify=secured.context(secured.client)) as client,
        secured.channel(secured.client) as channel,
        Talk(channel) as talk,
    ):
        assert client.post("/encode", content=wav(0.1)).status_code == 200
        talk.send(open_encode(), audio(320))
        assert talk.next().HasField("opened")
        second = secured.authority.sign("second")
        secured.replace(second)
        for port in (http_port, grpc_port):
            wait_until(lambda port=port: secured.shown_by(port) == der(second))
        assert client.post("/encode", content=wav(0.1)).status_code == 200
        talk.send(audio(320))
        talk.finish()
        assert talk.rest()[-1].summary.n_samples == 640
    assert secured.ready_over_https(secured.client)
    assert secured.ready_over_grpc(secured.client)


def test_half_of_a_new_pair_changes_nothing(secured: Secured) -> None:
    good = secured.authority.sign("good")
    secured.replace(good)
    for port in (secured.service.http_port, secured.service.grpc_port):
        wait_until(lambda port=port: secured.shown_by(port) == der(good))
    failures = secured.service.metric("codec_reload_failures_total", what="certificates")
    secured.replace(Pair(secured.authority.sign("other").certificate, good.key))
    wait_until(lambda: secured.service.metric("codec_reload_failures_total", what="certificates") > failures)
    for port in (secured.service.http_port, secured.service.grpc_port):
        assert secured.shown_by(port) == der(good)
    assert secured.ready_over_https(secured.client)
    assert secured.ready_over_grpc(secured.client)
    secured.replace(good)


def test_callers_of_a_ca_that_was_taken_out_are_let_in_no_longer(secured: Secured) -> None:
    old = secured.client
    authority = Authority("another client CA")
    secured.client = authority.sign("client")
    assert not secured.ready_over_https(secured.client)
    secured.replace_client_ca(authority)
    wait_until(lambda: secured.ready_over_https(secured.client))
    assert not secured.ready_over_https(old)
    wait_until(lambda: secured.ready_over_grpc(secured.client))
    assert not secured.ready_over_grpc(old)


def test_without_a_client_ca_any_caller_is_let_in(tmp_path: Path) -> None:
    secured = Secured(tmp_path, with_client_ca=False)
    with secured.service:
        wait_until(lambda: secured.ready_over_https(None), START_SECONDS)
        assert secured.ready_over_grpc(None)
        url = f"https://127.0.0.1:{secured.service.http_port}"
        with pytest.raises(httpx.TransportError, match="certificate verify failed"):
            httpx.get(url, verify=ssl.create_default_context())
        shown = ssl.get_server_certificate(("127.0.0.1", secured.service.http_port))
        assert shown.startswith("-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize("spoil", ["certificate", "key", "password", "client_ca"])
def test_files_that_no_listener_could_use_are_refused(tmp_path: Path, spoil: str) -> None:
    authority = Authority("CA")
    password = b"secret" if spoil == "password" else None
    certificate, key = authority.sign("server", password).write(tmp_path, "server")
    client_ca = tmp_path / "ca.pem"
    client_ca.write_bytes(authority.certificate)
    config = TlsConfig(certificate=certificate, key=key, client_ca=client_ca)
    if spoil != "password":
        check_files(config)
        (tmp_path / getattr(config, spoil).name).write_text("nothing of the kind")
    with pytest.raises(ConfigError, match=r"server\.pem"):
        check_files(config)
    with pytest.raises(ConfigError, match="PEM"):
        Certificates(config, lambda what: None)


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    config = TlsConfig(certificate=tmp_path / "no.pem", key=tmp_path / "no.key")
    with pytest.raises(OSError, match=r"no\.pem|No such file"):
        check_files(config)

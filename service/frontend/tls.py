"""The certificates of the listeners, taken over while the service runs."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass

import grpc

from codec.errors import ConfigError
from service.config import TlsConfig
from service.frontend.file_watch import FileWatch


@dataclass(frozen=True, slots=True)
class _Files:
    """What the files hold, as PEM."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None

    @classmethod
    def read(cls, config: TlsConfig) -> "_Files":
        ca = config.client_ca
        return cls(
            config.certificate.read_bytes(), config.key.read_bytes(), None if ca is None else ca.read_bytes()
        )


class Certificates:
    """One certificate, its key and the CAs of callers, for REST and for gRPC.

    `refresh` takes over changed files for connections that are made from then on; those that are open
    stay. Files that do not fit together leave the ones before in force and are counted by `failed`.
    Raises `OSError` and `ConfigError` for files that are wrong from the start.
    """

    def __init__(self, config: TlsConfig, failed: Callable[[str], None]) -> None:
        self._config = config
        paths = [config.certificate, config.key, *([config.client_ca] if config.client_ca else [])]
        self._watch = FileWatch("certificates", paths, self._read, failed)

    def refresh(self) -> None:
        """Take over the files if they have changed."""
        self._watch.check()

    def http_context(self) -> ssl.SSLContext:
        """For the HTTP listener; every handshake goes by the files as they are by then."""
        context = _make_context(self._config)
        # A context that is in use cannot forget a CA, and one that has loaded half of a new pair is of no
        # use: each connection is moved to the newest whole one instead.
        context.sni_callback = self._use_newest
        return context

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """For the gRPC listener; every handshake goes by the files as they are by then."""
        given = self._grpc

        def changed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal given
            if given is self._grpc:
                return None
            given = self._grpc
            return given

        must_show_one = self._config.client_ca is not None
        # The stubs leave out that None stands for no change.
        return grpc.dynamic_ssl_server_credentials(given, changed, must_show_one)  # type: ignore[arg-type]

    def _read(self) -> None:
        files = _Files.read(self._config)
        context = _make_context(self._config)
        if _Files.read(self._config) != files:
            raise ConfigError("the certificate files are being replaced; they will be read again")
        self._newest = context
        self._grpc = grpc.ssl_server_certificate_configuration(
            [(files.key, files.certificate)], files.client_ca
        )

    def _use_newest(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._newest


def check_files(config: TlsConfig) -> None:
    """Raise `OSError` or `ConfigError` for files that no listener could use."""
    _make_context(config)


def _make_context(config: TlsConfig) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password of its own, OpenSSL would ask for one at the terminal.
        context.load_cert_chain(config.certificate, config.key, password=_no_password)
        if config.client_ca is not None:
            context.load_verify_locations(config.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
            # A resumed session would not be asked for its certificate again, whatever has changed.
            context.num_tickets = 0
            context.options |= ssl.OP_NO_TICKET
    except ssl.SSLError as error:
        files = ", ".join(str(path) for path in (config.certificate, config.key, config.client_ca) if path)
        message = f"{files} are no certificate, its key without a password, and CAs, in PEM ({error})"
        raise ConfigError(message) from error
    return context


def _no_password() -> bytes:
    return b""

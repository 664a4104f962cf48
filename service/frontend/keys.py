"""The key file: one line of JSON for every key, with the digest of the key and never the key itself.

A key is 256 random bits, so nobody can find it by trying, however fast the digest is computed: plain
SHA-256 without a salt protects it as well as a slow password hash would, at a millionth of the cost.
"""

import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_serializer

from codec.errors import ConfigError, InvalidRequestError, NotFoundError
from service.config import CallerLimits

_KEY_BYTES = 32
_PREFIX = "cdk_"


class Scope(StrEnum):
    """What a key is good for. One-shot reconstruction takes `encode` and `decode`; every live stream
    takes `stream`, whichever way it goes."""

    ENCODE = "encode"
    DECODE = "decode"
    STREAM = "stream"


class KeyEntry(BaseModel):
    """One line of the file: whose key it is, its digest in hexadecimal, its scopes and limits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: frozenset[Scope] = Field(min_length=1)
    limits: CallerLimits = CallerLimits()

    @property
    def digest(self) -> bytes:
        """SHA-256 of the key, 32 bytes."""
        return bytes.fromhex(self.sha256)

    @field_serializer("scopes")
    def _in_order(self, scopes: frozenset[Scope]) -> list[str]:
        return [scope.value for scope in Scope if scope in scopes]


def digest_of(key: str) -> bytes:
    """What the file has of a key."""
    return hashlib.sha256(key.encode()).digest()


def new_key() -> str:
    """A key that nobody has; the prefix lets scanners find one that was leaked."""
    return _PREFIX + secrets.token_urlsafe(_KEY_BYTES)


def read_keys(path: Path) -> tuple[KeyEntry, ...]:
    """The entries of a file; empty lines are allowed.

    Raises `ConfigError` for anything that is no entry and for a name or key that occurs twice, and
    `OSError`.
    """
    entries = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                entries.append(KeyEntry.model_validate_json(line))
            except ValidationError as error:
                problems = "; ".join(_told(problem) for problem in error.errors(include_input=False))
                message = f"{path}, line {number} is no key entry ({problems}); codecd keys writes such lines"
                # The cause would show the line itself.
                raise ConfigError(message) from None
    for what, found in (("name", [e.name for e in entries]), ("key", [e.sha256 for e in entries])):
        if len(set(found)) < len(found):
            raise ConfigError(f"{path} has a {what} twice; remove one of the lines")
    return tuple(entries)


def add_key(path: Path, name: str, scopes: Iterable[Scope], limits: CallerLimits) -> str:
    """Make a key and write its entry to the file, which is made if it is not there; returns the key.

    Raises `InvalidRequestError` for a name that is taken or cannot be one, and like `read_keys`.
    """
    entries = read_keys(path) if path.exists() else ()
    if any(entry.name == name for entry in entries):
        raise InvalidRequestError(f"{path} has a key of {name}; remove it first, or take another name")
    key = new_key()
    try:
        digest = digest_of(key).hex()
        entry = KeyEntry(name=name, sha256=digest, scopes=frozenset(scopes), limits=limits)
    except ValidationError as error:
        problems = "; ".join(_told(problem) for problem in error.errors(include_input=False))
        raise InvalidRequestError(f"that cannot be a key: {problems}") from error
    _write(path, [*entries, entry])
    return key


def remove_key(path: Path, name: str) -> None:
    """Take a key out of the file; raises `NotFoundError` if it is not there, and like `read_keys`."""
    entries = read_keys(path)
    rest = [entry for entry in entries if entry.name != name]
    if len(rest) == len(entries):
        raise NotFoundError(f"{path} has no key of {name}; codecd keys list {path} shows what there is")
    _write(path, rest)


def _write(path: Path, entries: Iterable[KeyEntry]) -> None:
    """Replace the file in one step, so that a service that reads it never sees half of it."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        try:
            for entry in entries:
                file.write(entry.model_dump_json(exclude_defaults=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
            if path.exists():
                os.chmod(file.name, path.stat().st_mode & 0o777)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _told(problem: object) -> str:
    assert isinstance(problem, dict)
    where = ".".join(str(part) for part in problem["loc"]) or "line"
    return f"{where}: {problem['msg']}"

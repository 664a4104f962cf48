"""Tar archives as they go over the wire: file by file, in memory, nothing trusted."""

import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from service.status import Condition, ServiceError

BLOCK_BYTES = 512
END = bytes(2 * BLOCK_BYTES)
"""What ends an archive."""

_MAX_EXTENSION_BYTES = 64 * 1024
_MAX_NAME_BYTES = 1024
_MAX_PADDING_BYTES = 1 << 20
# Headers that say something of the file after them, or of all.
_PAX = frozenset({tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE})
_LONG_NAME = tarfile.GNUTYPE_LONGNAME
_IGNORED = frozenset({tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK})
_FILES = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE})


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file of an archive; `problem`: why it cannot be taken, None = it can be read."""

    name: str
    size: int
    problem: ServiceError | None


class TarReader:
    """Reads an archive that comes in pieces; no more of it is held than one file of `max_file_bytes`.

    Folders are passed over. Links, devices, files that are too large, and names that lead out of the folder
    where they are unpacked, are members with a problem. Everything raises `ServiceError` INVALID_ARGUMENT
    for what is no archive.
    """

    def __init__(self, chunks: AsyncIterator[bytes], max_file_bytes: int) -> None:
        self._chunks = chunks
        self._max_file_bytes = max_file_bytes
        self._buffer = bytearray()
        self._unread = 0

    async def next(self) -> TarMember | None:
        """The next member, None at the end; what was not read of the one before is skipped."""
        await self._skip_unread()
        name, size = "", None
        while (header := await self._header()) is not None:
            if header.type in _PAX | _IGNORED or header.type == _LONG_NAME:
                extension = await self._extension(header.size)
                if header.type in _PAX:
                    name, size = _pax_fields(extension, name, size)
                elif header.type == _LONG_NAME:
                    name = extension.rstrip(b"\0").decode("utf-8", "replace")
                continue
            member = self._member(header, name or header.name, header.size if size is None else size)
            if header.type != tarfile.DIRTYPE:
                return member
            await self._skip_unread()
            name, size = "", None
        return None

    async def read(self, member: TarMember) -> bytes:
        """The content of the member that came last."""
        content = await self._take(member.size)
        self._unread -= member.size
        return content

    def _member(self, header: tarfile.TarInfo, name: str, size: int) -> TarMember:
        is_file = header.type in _FILES
        # Links, devices and folders have no content, whatever size they claim.
        content_bytes = size if is_file or header.type not in tarfile.SUPPORTED_TYPES else 0
        self._unread = content_bytes + -content_bytes % BLOCK_BYTES
        return TarMember(name[:_MAX_NAME_BYTES], content_bytes, self._problem(name, size, is_file))

    def _problem(self, name: str, size: int, is_file: bool) -> ServiceError | None:
        path = PurePosixPath(name)
        if not is_file:
            return _invalid("this is no regular file; send files, not links or devices")
        if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
            return _invalid("the name leads out of the archive; use relative names without ..")
        if len(name.encode("utf-8", "replace")) > _MAX_NAME_BYTES:
            return _invalid(f"the name is longer than {_MAX_NAME_BYTES} bytes; use a shorter one")
        if size > self._max_file_bytes:
            message = f"the file is larger than {self._max_file_bytes} bytes; send it in parts"
            return ServiceError(Condition.LIMIT_EXCEEDED, message)
        return None

    async def _header(self) -> tarfile.TarInfo | None:
        if not await self._fill(1):
            return None
        block = await self._take(BLOCK_BYTES)
        if not any(block):
            await self._drain()
            return None
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
        except tarfile.HeaderError as error:
            raise _invalid(f"the body is no tar archive: {error}; send one, not compressed") from error
        if header.size < 0:
            raise _invalid("the archive is damaged: a negative size; make it anew")
        return header

    async def _extension(self, size: int) -> bytes:
        if size > _MAX_EXTENSION_BYTES:
            raise _invalid(f"the archive has a header of {size} bytes; make it with --format=ustar")
        content = await self._take(size)
        await self._take(-size % BLOCK_BYTES)
        return content

    async def _drain(self) -> None:
        """Take in the padding after the end, for some clients must be rid of all their body."""
        self._buffer.clear()
        drained = 0
        async for chunk in self._chunks:
            drained += len(chunk)
            if drained > _MAX_PADDING_BYTES:
                raise _invalid("there is more after the end of the archive; send one archive at a time")

    async def _skip_unread(self) -> None:
        while self._unread:
            if not await self._fill(1):
                raise _cut_off()
            skipped = min(self._unread, len(self._buffer))
            del self._buffer[:skipped]
            self._unread -= skipped

    async def _take(self, count: int) -> bytes:
        if not await self._fill(count):
            raise _cut_off()
        taken = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        return taken

    async def _fill(self, count: int) -> bool:
        """Whether so many bytes are there, now that they have been waited for."""
        while len(self._buffer) < count:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                return False
            self._buffer += chunk
        return True


def tar_member(name: str, content: bytes) -> bytes:
    """A file as a piece of an archive."""
    header = tarfile.TarInfo(name)
    header.size = len(content)
    return b"".join((header.tobuf(tarfile.PAX_FORMAT), content, bytes(-len(content) % BLOCK_BYTES)))


def _pax_fields(content: bytes, name: str, size: int | None) -> tuple[str, int | None]:
    """Name and size of the next file as an extended header gives them; records of `length key=value`."""
    at = 0
    while at < len(content):
        digits, separator, _ = content[at : at + 20].partition(b" ")
        length = int(digits) if separator and digits.isdigit() else 0
        record = content[at + len(digits) + 1 : at + length]
        if length < len(digits) + 3 or not record.endswith(b"\n"):
            raise _invalid("the archive is damaged: an extended header; make it anew")
        at += length
        key, _, value = record[:-1].partition(b"=")
        if key == b"path":
            name = value.decode("utf-8", "replace")
        elif key == b"size":
            if not value.isdigit() or len(value) > 18:
                raise _invalid("the archive is damaged: a size that is no number; make it anew")
            size = int(value)
    return name, size


def _cut_off() -> ServiceError:
    return _invalid("the archive is cut off; send all of it")


def _invalid(message: str) -> ServiceError:
    return ServiceError(Condition.INVALID_ARGUMENT, message)

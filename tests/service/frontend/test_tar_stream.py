"""Archives of every kind of tar come apart file by file, and no archive can make the reader hold much."""

import asyncio
import io
import random
import tarfile
from collections.abc import AsyncIterator

import pytest

from service.frontend.tar_stream import END, TarReader, tar_member
from service.status import Condition, ServiceError

FILES = {"a.wav": b"x" * 700, "b/ü.wav": b"", "c.wav": bytes(512), "long/" + "n" * 200 + ".wav": b"y"}
MOST = 1000


def archive(files: dict[str, bytes], form: int, extra: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    """As Python's tarfile makes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for info in extra:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            # With a fraction, pax writes an extended header.
            info.mtime = 1.5 if form == tarfile.PAX_FORMAT else 1
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def read(content: bytes, seed: int = 0) -> list[tuple[str, bytes | Condition]]:
    """Names and contents, or what is wrong, of an archive that comes in pieces of any size."""
    source = random.Random(seed)

    async def chunks() -> AsyncIterator[bytes]:
        at = 0
        while at < len(content):
            size = source.choice((1, 100, 512, 5000, 50_000))
            yield content[at : at + size]
            at += size

    async def collect() -> list[tuple[str, bytes | Condition]]:
        reader, found = TarReader(chunks(), MOST), list[tuple[str, bytes | Condition]]()
        while (member := await reader.next()) is not None:
            bad = member.problem
            found.append((member.name, await reader.read(member) if bad is None else bad.condition))
        return found

    return asyncio.run(collect())


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("seed", range(3))
def test_every_kind_of_tar_can_be_read(form: int, seed: int) -> None:
    files = {name: FILES[name] for name in FILES if form != tarfile.USTAR_FORMAT or len(name) < 100}
    assert read(archive(files, form), seed) == list(files.items())


def test_what_is_written_can_be_read_here_and_elsewhere() -> None:
    written = b"".join(tar_member(name, content) for name, content in FILES.items()) + END
    assert read(written) == list(FILES.items())
    with tarfile.open(fileobj=io.BytesIO(written)) as tar:
        assert {info.name: tar.extractfile(info).read() for info in tar} == FILES  # type: ignore[union-attr]


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("bad", "condition"),
    [
        (member("/etc/x"), Condition.INVALID_ARGUMENT),
        (member("a/../../x"), Condition.INVALID_ARGUMENT),
        (member("."), Condition.INVALID_ARGUMENT),
        (member("n" * 1025), Condition.INVALID_ARGUMENT),
        (member("link", tarfile.SYMTYPE), Condition.INVALID_ARGUMENT),
        (member("hard", tarfile.LNKTYPE), Condition.INVALID_ARGUMENT),
        (member("device", tarfile.CHRTYPE), Condition.INVALID_ARGUMENT),
        (member("large", size=MOST + 1), Condition.LIMIT_EXCEEDED),
        (member("huge", size=300_000), Condition.LIMIT_EXCEEDED),
    ],
)
def test_a_bad_member_has_a_problem_and_the_rest_is_read(bad: tarfile.TarInfo, condition: Condition) -> None:
    content = archive({"a.wav": b"fine"}, tarfile.GNU_FORMAT, (member("folder", tarfile.DIRTYPE), bad))
    assert read(content) == [(bad.name[:1024], condition), ("a.wav", b"fine")]


def pax(content: bytes) -> bytes:
    """An extended header of this content, before a file."""
    header = member("pax", tarfile.XHDTYPE, len(content)).tobuf(tarfile.USTAR_FORMAT)
    return header + content + bytes(-len(content) % 512) + tar_member("a", b"1")


@pytest.mark.parametrize(
    "content",
    [
        b"RIFF" * 200,
        tar_member("a", b"x" * 600)[:-100],
        tar_member("a", b"x" * 600)[:700],
        tar_member("a", b"x")[:300],
        tar_member("a", b"x").replace(b"00000000001", b"-0000000001"),
        pax(b"9 path=b\n7 size\n"),
        pax(b"0 path=b\n"),
        pax(b"99999999999999999999999999 path=b\n"),
        pax(b"10 size=-1\n"),
        pax(b"30 path=" + b"b" * 40_000 + b"\n"),
        pax(b"x" * 70_000),
        member("a", tarfile.GNUTYPE_LONGNAME, 1 << 40).tobuf(tarfile.GNU_FORMAT),
        tar_member("a", b"x") + END + bytes(2 << 20),
    ],
)
def test_what_is_no_sound_archive_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(ServiceError) as caught:
        read(content)
    assert caught.value.condition is Condition.INVALID_ARGUMENT


def test_random_damage_is_survived() -> None:
    source, whole = random.Random(1), archive(FILES, tarfile.PAX_FORMAT)
    for _ in range(1500):
        damaged = bytearray(whole)
        for _ in range(source.randrange(1, 4)):
            damaged[source.randrange(len(damaged))] = source.randrange(256)
        try:
            read(bytes(damaged[: source.randrange(1, len(damaged))]))
        except ServiceError as error:
            assert error.condition is Condition.INVALID_ARGUMENT  # noqa: PT017  # both ways are right


def test_padding_after_the_end_is_taken_in() -> None:
    assert read(tar_member("a", b"1") + END + bytes(10_240)) == [("a", b"1")]
    assert read(b"") == []

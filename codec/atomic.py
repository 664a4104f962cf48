"""Files that appear whole or not at all."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a new sibling name to write to; rename it to `path` at the end, or remove it on an error.

    The content is on the disk before the name changes, so that a crash leaves either the old file or the
    new one. Raises `OSError` if the folder cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        yield draft
        sync_file(draft)
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def open_plain(path: Path) -> BinaryIO:
    """Open a file for reading that others may have put anything in the place of.

    Raises `OSError` where it cannot be read, and for pipes and devices, which could be read for ever.
    """
    # Opening a pipe that nobody writes to would wait for somebody.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no plain file; put the published one back")
    return os.fdopen(descriptor, "rb")


def sync_file(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Wait until the names in a folder are on the disk: a rename is only durable after this."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

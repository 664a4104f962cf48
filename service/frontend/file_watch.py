"""Files that an operator may replace while the service runs."""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from codec.errors import CodecError

logger = logging.getLogger(__name__)

_Stamp = tuple[int, int, int] | None


class FileWatch:
    """Has files read again when they have changed.

    `read` is called once at the start, where its errors rise, and after every change; what it raises then
    is logged and counted by `failed`, and must leave what was read before in force.
    """

    def __init__(
        self, what: str, paths: Iterable[Path], read: Callable[[], None], failed: Callable[[str], None]
    ) -> None:
        self._what = what
        self._paths = tuple(paths)
        self._read = read
        self._failed = failed
        # Taken before reading: a change in between is then read again, not missed.
        self._stamps = self._look()
        read()

    def check(self) -> None:
        """Look whether anything has changed."""
        stamps = self._look()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            self._read()
        except (OSError, CodecError) as error:
            reason = {"reason": str(error)}
            logger.error("changed %s cannot be used; those before stay in force", self._what, extra=reason)
            self._failed(self._what)
        else:
            logger.info("changed %s are in force", self._what)

    def _look(self) -> list[_Stamp]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except OSError:
        return None  # reading it will say what is wrong
    return status.st_mtime_ns, status.st_ino, status.st_size

"""One channel of a model: where it points, what serves for it, and what served before."""

import logging
import time
from collections import deque

from codec.errors import NotFoundError, RepositoryError
from codec.repository import Channel, Repository
from service.supervisor.deployment import Deployment

_LOG = logging.getLogger(__name__)
_MAX_HISTORY = 32
_MAX_FAULT_CHARACTERS = 2000


class ChannelTarget:
    """`is_default`: requests that name no channel mean this one, so that it has to be there.

    `wanted`: where the channel points; `serving`: what answers for it, which may be an older version;
    `problem`: why it could not be read the last time; `fault`: the same, but "" for a channel that need not
    be there; `read_at`: when it could be, in seconds since 1970, 0 = never.
    """

    def __init__(self, model: str, name: str, *, is_default: bool) -> None:
        self.name = name
        self.wanted: Channel | None = None
        self.serving: Deployment | None = None
        self.fault = ""
        self.problem = ""
        self.read_at = 0.0
        self._model = model
        self._is_default = is_default
        self._before: deque[str] = deque(maxlen=_MAX_HISTORY)

    @property
    def version(self) -> str:
        """The version that answers, "" for none."""
        return self.serving.version if self.serving is not None else ""

    @property
    def previous(self) -> str:
        """The version to go back to: what serves while the channel points elsewhere, else what served
        before; "" for none. What was there before this supervisor started it cannot know."""
        if self.serving is not None and self.wanted is not None and self.wanted.version != self.version:
            return self.version
        return self._before[-1] if self._before else ""

    def look(self, repository: Repository) -> None:
        """Read where the channel points; a channel that cannot be read changes nothing."""
        try:
            self.wanted = repository.read_channel(self._model, self.name)
            self.problem = self.fault = ""
            self.read_at = time.time()
        except (RepositoryError, OSError) as error:
            problem = str(error)[:_MAX_FAULT_CHARACTERS]
            is_missing = isinstance(error, NotFoundError) and not self._is_default
            if problem != self.problem:
                names = {"model": self._model, "channel": self.name, "reason": problem}
                _LOG.log(
                    logging.INFO if is_missing else logging.ERROR, "a channel cannot be read", extra=names
                )
            self.problem = problem
            self.fault = "" if is_missing else problem

    def serve(self, deployment: Deployment) -> Deployment | None:
        """Have a deployment answer; the one that did so until now."""
        replaced, self.serving = self.serving, deployment
        if self._before and self._before[-1] == deployment.version:
            # A step back: going back once more leads further back, not to what was just left.
            self._before.pop()
        elif replaced is not None:
            self._before.append(replaced.version)
        names = {"model": self._model, "channel": self.name, "version": deployment.version}
        _LOG.info("version serving", extra=names)
        return replaced

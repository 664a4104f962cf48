"""One channel of a model: where it points, what serves for it, and what served before."""

import logging
import time
from collections import deque

from codec.errors import NotFoundError, RepositoryError
from codec.repository import Channel, Repository
from codec.served import Served
from service.supervisor.deployment import Deployment

_LOG = logging.getLogger(__name__)
_MAX_FAULT_CHARACTERS = 2000


class ChannelTarget:
    """`is_default`: requests that name no channel mean this one, so that it has to be there.

    `wanted`: where the channel points; `serving`: what answers for it, which may be an older version;
    `problem`: why it could not be read the last time; `fault`: the same, but "" for a channel that need not
    be there; `read_at`: when it could be, in seconds since 1970, 0 = never. What serves is noted in the
    repository, for those who start later, and lost where that cannot be written.
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
        self._served = Served()
        self._unnoted: deque[tuple[str, int]] = deque()

    @property
    def version(self) -> str:
        """The version that answers, "" for none."""
        return self.serving.version if self.serving is not None else ""

    @property
    def previous(self) -> str:
        """The version to go back to: what serves while the channel points elsewhere, else what served
        before, under this supervisor or another; "" for none."""
        return self._served.before(self.wanted.version if self.wanted is not None else self.version)

    def look(self, repository: Repository) -> None:
        """Read where the channel points, and note what serves; one that cannot be read changes nothing."""
        try:
            found = repository.read_channel(self._model, self.name)
            if self.wanted is None:
                self._remember(repository)
            self.wanted = found
            self.problem = self.fault = ""
            self.read_at = time.time()
            self._note(repository)
        except (RepositoryError, OSError) as error:
            problem = str(error)[:_MAX_FAULT_CHARACTERS]
            is_missing = isinstance(error, NotFoundError) and not self._is_default
            if problem != self.problem:
                level = logging.INFO if is_missing else logging.ERROR
                _LOG.log(level, "a channel cannot be read", extra=self._names() | {"reason": problem})
            self.problem = problem
            self.fault = "" if is_missing else problem

    def serve(self, deployment: Deployment) -> Deployment | None:
        """Have a deployment answer; the one that did so until now."""
        replaced, self.serving = self.serving, deployment
        generation = self.wanted.generation if self.wanted is not None else 0
        self._served = self._served.after(deployment.version, generation)
        self._unnoted.append((deployment.version, generation))
        _LOG.info("version serving", extra=self._names() | {"version": deployment.version})
        return replaced

    def _remember(self, repository: Repository) -> None:
        try:
            self._served = repository.read_served(self._model, self.name)
        except (RepositoryError, OSError) as error:
            extra = self._names() | {"reason": str(error)[:_MAX_FAULT_CHARACTERS]}
            _LOG.warning("what served before cannot be read", extra=extra)

    def _note(self, repository: Repository) -> None:
        while self._unnoted:
            version, generation = self._unnoted[0]
            try:
                repository.note_served(self._model, self.name, version, generation)
            except BlockingIOError:
                return  # somebody publishes; the next look will do
            except (RepositoryError, OSError) as error:
                extra = self._names() | {"version": version, "reason": str(error)[:_MAX_FAULT_CHARACTERS]}
                _LOG.info("what serves cannot be noted in the repository", extra=extra)
            self._unnoted.popleft()

    def _names(self) -> dict[str, str]:
        return {"model": self._model, "channel": self.name}

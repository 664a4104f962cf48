"""`codecd serve`: the whole service in the foreground."""

import asyncio
import logging
import signal
import tempfile
from pathlib import Path

from codec.errors import RepositoryError
from codec.repository import Repository
from service.config import ServeConfig
from service.logs import configure_logging
from service.supervisor.supervisor import Supervisor

_LOG = logging.getLogger(__name__)
_DEFAULT_MODEL = "stream_16k"
_EXIT_USAGE = 2


def serve(config: ServeConfig) -> int:
    """Serve until SIGTERM or SIGINT, then finish what is under way; a second signal ends everything now.

    Returns the exit status: 0 after an orderly end, 1 if killed or if a port cannot be had, 2 if there is
    no such model or repository.
    """
    configure_logging("supervisor")
    try:
        models = _models(config)
    except RepositoryError as error:
        _LOG.error("there is nothing to serve", extra={"reason": str(error)})
        return _EXIT_USAGE
    # Not in the working directory or under a long path: the name of a Unix socket has 107 characters.
    with tempfile.TemporaryDirectory(prefix="codecd-") as sockets:
        try:
            return asyncio.run(_run(config, models, Path(sockets)))
        except OSError as error:
            _LOG.error("the service cannot run", extra={"reason": str(error)})
            return 1


async def _run(config: ServeConfig, models: tuple[str, ...], sockets: Path) -> int:
    supervisor = Supervisor(config, models, sockets)
    signals = 0

    def on_signal() -> None:
        nonlocal signals
        signals += 1
        if signals == 1:
            supervisor.stop()
        else:
            supervisor.kill()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return await supervisor.run()


def _models(config: ServeConfig) -> tuple[str, ...]:
    """The models to serve, the default one first. Raises `RepositoryError` if there are none."""
    repository = Repository(config.repository)
    if config.models:
        for model in config.models:
            repository.versions(model)
        return config.models
    found = repository.models()
    if not found:
        raise RepositoryError(f"{config.repository} holds no model; publish one, or name another repository")
    return tuple(sorted(found, key=lambda name: name != _DEFAULT_MODEL))

"""The versions of a model that were tried and refused, and for which moves of a channel."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from service.supervisor.channel_target import ChannelTarget
from service.supervisor.seat import Rejection

_LOG = logging.getLogger(__name__)
_MAX_REJECTIONS = 32
_MAX_REASON_CHARACTERS = 2000


class Rejections:
    """A refused version is not tried again until a channel is pointed at it anew."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._entries: dict[str, tuple[Rejection, set[tuple[str, int]]]] = {}

    def add(self, version: str, rejection: Rejection, targets: Iterable[ChannelTarget]) -> None:
        """Refuse a version, for all `targets` that point at it now."""
        moves = {
            (target.name, target.wanted.generation)
            for target in targets
            if target.wanted is not None and target.wanted.version == version
        }
        # A manifest can be wrong in a megabyte of ways, and all of this goes to every front end.
        rejection = replace(rejection, reason=rejection.reason[:_MAX_REASON_CHARACTERS])
        self._entries.pop(version, None)
        self._entries[version] = (rejection, moves)
        while len(self._entries) > _MAX_REJECTIONS:
            del self._entries[next(iter(self._entries))]
        extra = {"stage": rejection.stage, "reason": rejection.reason}
        _LOG.error("version rejected", extra={"model": self._model, "version": version} | extra)

    def holds(self, target: ChannelTarget) -> bool:
        """Whether what a channel points at was refused, and the channel has not moved since."""
        wanted = target.wanted
        if wanted is None or wanted.version not in self._entries:
            return False
        return (target.name, wanted.generation) in self._entries[wanted.version][1]

    def forgive(self, version: str) -> None:
        """Forget a version that serves after all."""
        self._entries.pop(version, None)

    def forgive_stage(self, stage: str) -> None:
        """Forget the versions that were refused for what may have changed since."""
        for version in [name for name, (rejection, _) in self._entries.items() if rejection.stage == stage]:
            del self._entries[version]

    def listed(self) -> list[dict[str, Any]]:
        """All of them, the latest last."""
        return [
            {"version": version, "stage": rejection.stage, "reason": rejection.reason}
            for version, (rejection, _) in self._entries.items()
        ]

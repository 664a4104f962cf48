"""Which model, and which of its versions, a caller asks for."""

import re
from dataclasses import dataclass
from typing import Self

from service.status import Condition, ServiceError

# Versions are named `<n>-<digest12>` by the repository; anything else after the @ is a channel.
_VERSION = re.compile(r"\d+-[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class ModelSelector:
    """Empty fields mean: the default model, the stable channel."""

    model: str = ""
    version: str = ""
    channel: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `name`, `name@version` or `name@channel`; raises `ServiceError` for `name@`."""
        model, at, rest = text.partition("@")
        if not at:
            return cls(model)
        if not rest or not model:
            raise ServiceError(
                Condition.INVALID_ARGUMENT,
                f"cannot read model {text!r}; write name, name@version or name@channel",
            )
        return cls(model, version=rest) if _VERSION.fullmatch(rest) else cls(model, channel=rest)

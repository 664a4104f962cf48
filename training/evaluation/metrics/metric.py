"""What a metric is: a named function of an original and what a codec made of it."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from codec.errors import ConfigError

Signal = NDArray[np.float32]

SPEECH_RATE = 16_000
"""The rate in Hz that metrics for wide-band speech are made for."""


@dataclass(frozen=True, eq=False)
class Pair:
    """An original and its coded version, float32 `[sample]` each, aligned and equally long."""

    reference: Signal
    coded: Signal
    sample_rate: int

    def at(self, sample_rate: int) -> "Pair":
        """The pair at another rate, or itself."""
        if sample_rate == self.sample_rate:
            return self
        reference, coded = (
            soxr.resample(x, self.sample_rate, sample_rate) for x in (self.reference, self.coded)
        )
        return Pair(reference, coded, sample_rate)


Measure = Callable[[Pair], float]
"""Raises `InvalidAudioError` for a pair that has no score, and says why."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One column of the report.

    `name`: of the column, its unit included; `title`: for people; `about`: definition and source in a
    sentence; `prepare`: makes the function that measures, and raises `ConfigError` if a package or file for
    it is missing. Two metrics are equal if all else is, so that processes find what they have prepared.
    """

    name: str
    title: str
    better: Literal["higher", "lower"]
    about: str
    prepare: Callable[[], Measure] = field(compare=False)


def require(module: str, purpose: str, extra: str = "eval") -> Any:
    """The module of an optional package. Raises `ConfigError` naming the extra that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"{purpose} needs the package {module}, which cannot be imported ({error}); "
            f"pip install 'codecd[{extra}]'"
        ) from error

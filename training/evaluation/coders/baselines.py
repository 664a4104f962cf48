"""Which classical codecs to compare with, from what was asked for and what is installed."""

from collections.abc import Sequence
from dataclasses import dataclass

from codec.errors import ConfigError, InvalidRequestError
from training.evaluation.coders.codec2 import MODES, Codec2Coder
from training.evaluation.coders.coder import Coder
from training.evaluation.coders.opus import OpusCoder, opus_version
from training.evaluation.coders.program import check_programs

OPUS_BPS = (6_000, 8_000, 12_000, 16_000)
_OPUS_LEAST_BPS, _OPUS_MOST_BPS = 6_000, 256_000


@dataclass(frozen=True, slots=True)
class Baselines:
    """The codecs to run, why others that were asked for are left out, and versions of programs."""

    coders: tuple[Coder, ...]
    absent: tuple[str, ...]
    versions: dict[str, str]


def choose_baselines(wanted: Sequence[str]) -> Baselines:
    """`opus` or `codec2` for a usual set of bitrates, `opus:6000` or `codec2:1200` for one.

    Raises `InvalidRequestError` for another name or bitrate.
    """
    coders: list[Coder] = []
    absent: dict[str, str] = {}
    for name in wanted:
        asked, programs, package = _parsed(name)
        try:
            check_programs(programs, package)
        except ConfigError as error:
            absent[package] = f"{asked[0].family} is left out: {error}"
        else:
            coders += [coder for coder in asked if coder not in coders]
    versions = {}
    if any(isinstance(coder, OpusCoder) for coder in coders):
        name, _, version = opus_version().partition(" ")
        versions[name] = version
    return Baselines(tuple(coders), tuple(absent.values()), versions)


def _parsed(name: str) -> tuple[list[Coder], tuple[str, ...], str]:
    """Coders, their programs, and the Debian package of those."""
    codec, _, rate = name.partition(":")
    if rate and not rate.isdecimal():
        raise InvalidRequestError(f"{name!r}: the bitrate must be bits per second, as in {codec}:6000")
    if codec == "opus":
        rates = (int(rate),) if rate else OPUS_BPS
        if not _OPUS_LEAST_BPS <= rates[0] <= _OPUS_MOST_BPS:
            raise InvalidRequestError(
                f"{name!r}: opusenc takes {_OPUS_LEAST_BPS}..{_OPUS_MOST_BPS} bit/s for one channel"
            )
        return [OpusCoder(bps) for bps in rates], ("opusenc", "opusdec"), "opus-tools"
    if codec == "codec2":
        modes = (int(rate),) if rate else MODES
        if not set(modes) <= set(MODES):
            raise InvalidRequestError(f"{name!r}: the modes of Codec 2 here are {', '.join(map(str, MODES))}")
        return [Codec2Coder(mode) for mode in modes], ("c2enc", "c2dec"), "codec2"
    raise InvalidRequestError(f"no baseline is called {name!r}; there are opus and codec2")

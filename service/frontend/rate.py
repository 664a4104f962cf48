"""How many codebooks a caller asks for, by number or by bitrate."""

from dataclasses import dataclass
from math import ceil

from codec.tokens import TokenFormat
from service.model_info import ModelInfo
from service.status import Condition, ServiceError

DEFAULT_N_Q = 8


@dataclass(frozen=True, slots=True)
class Rate:
    """At most one of the two is set; neither means `DEFAULT_N_Q`."""

    n_q: int | None = None
    bitrate_bps: int | None = None


def resolve_n_q(rate: Rate, info: ModelInfo) -> int:
    """Codebooks to use: as asked, or the most whose bitrate does not exceed the one asked for.

    Raises `ServiceError` INVALID_ARGUMENT for both, for a number that the model does not have, and for a
    bitrate below one codebook's.
    """
    if rate.n_q is not None and rate.bitrate_bps is not None:
        raise _invalid("n_q and bitrate_bps are both given; give one of them")
    if rate.bitrate_bps is not None:
        form = TokenFormat(info.sample_rate, info.hop_samples, info.codebook_size)
        n_q = int(rate.bitrate_bps // form.bitrate_bps(1))
        if n_q < 1:
            lowest, highest = ceil(form.bitrate_bps(1)), ceil(form.bitrate_bps(info.codebooks))
            raise _invalid(f"bitrate_bps is {rate.bitrate_bps}; valid: {lowest}..{highest}")
        return min(n_q, info.codebooks)
    if rate.n_q is None:
        return min(DEFAULT_N_Q, info.codebooks)
    if not 1 <= rate.n_q <= info.codebooks:
        raise _invalid(f"n_q is {rate.n_q}; {info.model} has codebooks 1..{info.codebooks}")
    return rate.n_q


def _invalid(message: str) -> ServiceError:
    return ServiceError(Condition.INVALID_ARGUMENT, message)

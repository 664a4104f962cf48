"""From similarity to a mean opinion score: the exponential of speech mode and what all mappers share."""

import math

import numpy as np

from training.visqol.settings import Generation

LOWEST_MOS, HIGHEST_MOS = 1.0, 5.0
# Signals less alike than this have nothing to do with each other.
UNRELATED_VNSIM = 0.15
# Held in single precision by the original.
SCALE_V333 = float(np.float32(1.245063))
SCALE_V310 = float(np.float32(1.2031409))


def exponential(vnsim: float, generation: Generation, *, scaled: bool) -> float:
    """Opinion score, not yet limited, of speech with mean similarity `vnsim`; scaled, equal signals get 5."""
    if generation == "v333":
        mos = -262.847869 + math.exp(0.0154302525 * (vnsim + 361.063949))
        return SCALE_V333 * mos if scaled else mos
    mos = 1.15594553 + math.exp(4.685115504 * (vnsim - 0.76552319))
    return SCALE_V310 * mos if scaled else mos


def limited(mos: float, vnsim: float) -> float:
    """The score within 1 to 5; 1 for unrelated signals."""
    return LOWEST_MOS if vnsim < UNRELATED_VNSIM else min(max(mos, LOWEST_MOS), HIGHEST_MOS)

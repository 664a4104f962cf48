"""Plans that need no program, no package and no time."""

from pathlib import Path

import numpy as np
import soundfile

from tests.codec.models import publish_tiny
from tests.support import SAMPLE_RATE_HZ, voiced
from training.evaluation.coders.model_coder import ModelCoder
from training.evaluation.judging import Plan
from training.evaluation.metrics.level_error import level_error
from training.evaluation.metrics.si_sdr import si_sdr

N_Q = (1, 6)
CODEBOOKS, CODEBOOK_SIZE = 6, 64
"""Those of the tiny model."""


def tiny_plan(folder: Path) -> Plan:
    """A small random model at two n_q, and two cheap metrics."""
    publish_tiny(folder / "models")
    coders = tuple(ModelCoder("tiny", "tiny", folder / "models", n_q) for n_q in N_Q)
    return Plan(coders, (si_sdr(), level_error()), SAMPLE_RATE_HZ)


def write_clips(folder: Path) -> Path:
    """Two good recordings, a silent one and a broken one, in the order of their names."""
    folder.mkdir(parents=True)
    for number in range(2):
        soundfile.write(folder / f"a{number}.wav", voiced(0.6, seed=number), SAMPLE_RATE_HZ)
    soundfile.write(folder / "silent.wav", np.zeros(9600), SAMPLE_RATE_HZ)
    (folder / "z_broken.wav").write_bytes(b"no audio at all")
    return folder

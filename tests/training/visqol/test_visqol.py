import numpy as np
import pytest

from codec.errors import InvalidAudioError, InvalidRequestError
from tests.import_graph import PACKAGES, modules, reachable
from tests.training.visqol.signals import (
    GOLDEN_RATE,
    RECORDING_RATE,
    golden_degraded,
    golden_reference,
    recording,
    svr_model,
)
from training.visqol import VisqolScore, visqol
from training.visqol.settings import Floats, Generation, Mode

# Of the original's own conformance test.
TOLERANCE = 1e-4

SLOW = pytest.mark.slow
SPEECH = [
    ("v333", True, "CA01_01", "transcoded_CA01_01", 3.374505555111911),
    ("v333", True, "CA01_01", "CA01_01", 5.0),
    ("v333", False, "CA01_01", "CA01_01", 4.015861169223797),
    ("v333", True, "guitar48_stereo", "CA01_01", 1.269675546824064),
    ("v333", True, "reference", "degraded", 1.357521678867611),
    ("v310", True, "CA01_01", "transcoded_CA01_01", 2.3691150188221259),
    ("v310", False, "CA01_01", "CA01_01", 4.1557613014690995),
]
AUDIO = [
    ("v333", "castanets48_stereo", "castanets48_stereo", 4.732101253042348),
    ("v333", "CA01_01", "transcoded_CA01_01", 1.7658378752958486),
    ("v310", "CA01_01", "transcoded_CA01_01", 2.0003927800390828),
    ("v333", "guitar48_stereo", "guitar48_stereo_64kbps_aac", 4.349722308064298),
    pytest.param("v310", "guitar48_stereo", "guitar48_stereo_64kbps_aac", 4.5123244380958774, marks=SLOW),
    pytest.param("v333", "steely48_stereo", "steely48_stereo_lp7", 2.2501683734385183, marks=SLOW),
    pytest.param("v333", "strauss48_stereo", "strauss48_stereo_lp35", 1.3888791489130758, marks=SLOW),
]
# Lag; vnsim and scores (scaled, unscaled, older generation) of speech mode; vnsim and scores of audio mode.
GOLDEN = {
    "A": (0, 0.931626, (4.649638, 3.734460, 4.211048), 0.900172, (4.002132, 4.177523)),
    "B": (-37, 0.931616, (4.649589, 3.734421, 4.210924), 0.900168, (4.002100, 4.177478)),
    "C": (0, 1.0, (5.0, 4.015861, 4.999967), 1.0, (4.732101, 4.732101)),
    "D": (-3, 0.709879, (3.515905, 2.823877, 2.319905), 0.712769, (2.728709, 2.904787)),
}


def golden_score(degraded: Floats, mode: Mode = "speech", generation: Generation = "v333") -> VisqolScore:
    model = svr_model() if mode == "audio" else None
    return visqol(golden_reference(), degraded, GOLDEN_RATE, mode, generation, svr_model=model)


@pytest.mark.parametrize(("generation", "scaled", "reference", "degraded", "mos"), SPEECH)
def test_speech_mode_gives_the_published_score(
    generation: Generation, scaled: bool, reference: str, degraded: str, mos: float
) -> None:
    signals = recording(reference), recording(degraded)
    score = visqol(*signals, RECORDING_RATE, "speech", generation, scaled=scaled)
    assert score.mos == pytest.approx(mos, abs=TOLERANCE)
    assert score.mapper == ("exponential scaled" if scaled else "exponential unscaled")


@pytest.mark.parametrize(("generation", "reference", "degraded", "mos"), AUDIO)
def test_audio_mode_gives_the_published_score(
    generation: Generation, reference: str, degraded: str, mos: float
) -> None:
    signals = recording(reference), recording(degraded)
    score = visqol(*signals, RECORDING_RATE, "audio", generation, svr_model=svr_model())
    assert score.mos == pytest.approx(mos, abs=TOLERANCE)
    assert (score.mode, score.mapper, score.generation) == ("audio", "svr", generation)


def test_similarities_on_the_way_to_a_published_score() -> None:
    score = visqol(recording("CA01_01"), recording("transcoded_CA01_01"), RECORDING_RATE)
    assert score.lag_samples == 0
    assert score.vnsim == pytest.approx(0.6821691268, abs=1e-9)
    assert [patch.reference_s for patch in score.patches] == pytest.approx([0.18, 0.58, 0.98, 1.38, 1.78])
    similarities = [patch.similarity for patch in score.patches]
    assert similarities == pytest.approx([0.75830, 0.67994, 0.66530, 0.58888, 0.71842], abs=6e-6)
    first, last = [0.22553, 0.77448, 0.90544, 0.94036], [0.35110, 0.13570, 0.03457, 0.03481]
    assert len(score.fvnsim) == 21
    assert [*score.fvnsim[:4], *score.fvnsim[-4:]] == pytest.approx([*first, *last], abs=6e-6)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_speech_scores(name: str) -> None:
    lag, vnsim, (scaled, unscaled, older), _, _ = GOLDEN[name]
    degraded = golden_degraded()[name]
    score = golden_score(degraded)
    assert (score.lag_samples, len(score.patches)) == (lag, 6)
    assert (score.vnsim, score.mos) == pytest.approx((vnsim, scaled), abs=2e-6)
    plain = visqol(golden_reference(), degraded, GOLDEN_RATE, scaled=False)
    assert plain.mos == pytest.approx(unscaled, abs=2e-6)
    assert golden_score(degraded, generation="v310").mos == pytest.approx(older, abs=2e-6)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_audio_scores(name: str) -> None:
    _, _, _, vnsim, (mos, older) = GOLDEN[name]
    degraded = golden_degraded()[name]
    score = golden_score(degraded, "audio")
    assert (score.vnsim, score.mos) == pytest.approx((vnsim, mos), abs=2e-6)
    assert golden_score(degraded, "audio", "v310").mos == pytest.approx(older, abs=2e-6)


def test_channels_are_averaged() -> None:
    reference, degraded = golden_reference(), golden_degraded()["A"]
    stereo = np.stack([1.5 * degraded, 0.5 * degraded])
    assert golden_score(stereo).mos == pytest.approx(golden_score(degraded).mos)
    assert visqol(reference[None], stereo, GOLDEN_RATE).lag_samples == 0


def test_single_precision_is_good_enough() -> None:
    reference, degraded = (x.astype(np.float32) for x in (golden_reference(), golden_degraded()["D"]))
    assert visqol(reference, degraded, GOLDEN_RATE).mos == pytest.approx(GOLDEN["D"][2][0], abs=TOLERANCE)


def test_silence_in_place_of_speech_scores_low() -> None:
    score = golden_score(np.zeros(48000))
    assert score.mos < 2


def test_input_that_cannot_be_judged_is_refused() -> None:
    reference = golden_reference()
    broken = reference.copy()
    broken[7] = np.nan
    for signals, message in (
        ((reference[:1280], reference), "reference signal has 1280 samples"),
        ((reference, reference[:0]), "degraded signal has 0 samples"),
        ((reference[:9000], reference), "too short"),
        ((reference, broken), "not finite"),
        ((np.zeros(48000), reference), "silent"),
    ):
        with pytest.raises(InvalidAudioError, match=message):
            visqol(*signals, GOLDEN_RATE)


def test_a_degraded_signal_of_which_alignment_leaves_nothing_is_refused() -> None:
    noise = np.random.default_rng(5).standard_normal(48000)
    late = np.concatenate([np.zeros(3000), noise[:1000]])
    with pytest.raises(InvalidAudioError, match="once aligned"):
        visqol(noise, late, GOLDEN_RATE)


def test_an_unknown_generation_is_refused() -> None:
    name: Generation = "v300"  # type: ignore[assignment]
    with pytest.raises(InvalidRequestError, match="v333"):
        golden_score(golden_reference(), generation=name)


def test_no_torch_is_needed() -> None:
    assert "torch" not in reachable(["training.visqol"], modules(*PACKAGES))

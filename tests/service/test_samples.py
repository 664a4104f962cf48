"""Samples travel as bytes and come back as they were."""

import numpy as np
import pytest

from codec.errors import InvalidAudioError
from service.samples import SampleForm, pack, unpack


def test_floats_keep_every_bit() -> None:
    samples = np.random.default_rng(0).standard_normal((100, 2)).astype(np.float32)
    content = pack(samples, SampleForm.F32)
    assert len(content) == 100 * 2 * SampleForm.F32.sample_bytes
    assert np.array_equal(unpack(content, SampleForm.F32, 2), samples)


def test_16_bits_keep_every_value_that_they_have() -> None:
    content = np.arange(-32768, 32768, dtype="<i2").tobytes()
    samples = unpack(content, SampleForm.S16, 2)
    assert samples.shape == (32768, 2)
    assert (samples.min(), samples.max()) == (-1, 32767 / 32768)
    assert pack(samples, SampleForm.S16) == content


def test_16_bits_clip_and_round_half_to_even() -> None:
    samples = np.array([[2.0], [-2.0], [0.5 / 32768], [1.5 / 32768]], np.float32)
    assert np.frombuffer(pack(samples, SampleForm.S16), "<i2").tolist() == [32767, -32768, 0, 2]


@pytest.mark.parametrize("form", SampleForm)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_not_sent(form: SampleForm, value: float) -> None:
    with pytest.raises(InvalidAudioError, match="NaN"):
        pack(np.full((1, 1), value, np.float32), form)


def test_forms_have_the_names_of_the_formats() -> None:
    assert [form.pcm_format for form in SampleForm] == ["pcm_f32le", "pcm_s16le"]

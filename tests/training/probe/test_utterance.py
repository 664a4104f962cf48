"""Inputs of the recogniser."""

import numpy as np
import pytest
import torch

from codec.errors import InvalidRequestError
from tests.codec.models import random_codec
from tests.codec.seanets import small_codec
from tests.support import voiced
from training.probe.log_mel import BANDS
from training.probe.utterance import INPUTS, InputMaker

pytestmark = pytest.mark.usefixtures("single_thread")


def test_inputs_of_the_spectral_codec_are_what_it_codes_with() -> None:
    codec = random_codec()
    samples = voiced(1.01)[None]
    inputs = InputMaker(codec, 3)(samples)
    assert tuple(inputs) == INPUTS
    assert {tuple(frames.shape) for frames in inputs.values()} == {(51, 2 * BANDS), (51, 16), (51, 3)}
    encoded = codec.encode(torch.from_numpy(samples)[None], 3)
    assert torch.equal(inputs["code indices"], encoded.codes[0, :, :51].t())
    assert torch.equal(inputs["codec embedding"], codec.quantizer.decode(encoded.codes)[0, :51])
    more = InputMaker(codec, 6)(samples)
    assert torch.equal(more["encoder output"], inputs["encoder output"])
    errors = [(item["codec embedding"] - item["encoder output"]).square().mean() for item in (inputs, more)]
    assert errors[1] < errors[0]


@pytest.mark.parametrize("preset", ["encodec_16k", "freqcodec_m6", "dac_16k"])
def test_inputs_of_other_families_are_what_they_code_with(preset: str) -> None:
    codec = small_codec(preset).float()
    samples = voiced(0.5)[None]
    inputs = InputMaker(codec, 2)(samples)
    encoded = codec.encode(torch.from_numpy(samples)[None], 2)
    n_frames = -(-8000 // codec.config.hop_samples)
    assert {len(frames) for frames in inputs.values()} == {n_frames}
    assert torch.equal(inputs["code indices"], encoded.codes[0, :, :n_frames].t())
    small_codec.cache_clear()


def test_long_recordings_are_heard_in_pieces_of_ten_seconds() -> None:
    maker = InputMaker(random_codec(), 2)
    samples = np.tile(voiced(10.0), 2)[None, :200_000]
    codes = maker(samples)["code indices"]
    assert len(codes) == 625
    assert torch.equal(codes[500:], codes[:125])


def test_n_q_and_models_that_hear_labels_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="n_q is 7"):
        InputMaker(random_codec(), 7)
    with pytest.raises(InvalidRequestError, match="the model hears labels"):
        InputMaker(small_codec("semantic_add"), 1)
    small_codec.cache_clear()

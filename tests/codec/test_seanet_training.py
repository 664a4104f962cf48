"""The training pass: the values of encode and decode, and gradients that reach every weight."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor

from codec.errors import InvalidRequestError
from codec.seanet_config import SeanetCodecConfig, SegmentConfig, WaveformDomain
from codec.seanet_model import SeanetCodec
from codec.seanet_training import SeanetPass, seanet_pass
from tests.codec.seanets import N_Q, SEANET_PRESETS, labels, noise, small_codec

SEMANTIC = ("semantic_add", "semantic_concat", "semantic_residual")
SAMPLES = 1700
"""Neither whole frames nor whole labels."""


def trainable(name: str) -> SeanetCodec:
    return deepcopy(small_codec(name)).train().requires_grad_(True)


def full(items: int) -> Tensor:
    return torch.full((items,), N_Q)


def loss_of(forward: SeanetPass) -> Tensor:
    """Some smooth function of the output."""
    weights = torch.randn(forward.output.shape, generator=torch.Generator().manual_seed(7)).double()
    return (forward.output * weights).sum() + forward.output.square().sum()


def normed_to_one_channel(config: SeanetCodecConfig) -> bool:
    return (
        config.network.norm == "time_group_norm"
        and config.channels == 1
        and isinstance(config.domain, WaveformDomain)
    )


@pytest.mark.parametrize("name", SEANET_PRESETS)
def test_the_values_are_those_of_encode_and_decode(name: str) -> None:
    codec = small_codec(name)
    audio, words = noise(codec, 2, SAMPLES), labels(codec, 2, SAMPLES)
    encoded = codec.encode(audio, N_Q, labels=words)
    forward = seanet_pass(codec, audio, full(2), words)
    assert forward.quantized is not None
    assert torch.equal(forward.quantized.codes, encoded.codes)
    torch.testing.assert_close(forward.output, codec.decode(encoded), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SEANET_PRESETS)
def test_every_parameter_learns(name: str) -> None:
    codec = trainable(name)
    forward = seanet_pass(codec, noise(codec, 2, SAMPLES), full(2), labels(codec, 2, SAMPLES))
    assert forward.quantized is not None
    loss = loss_of(forward) + forward.quantized.commitment
    if forward.quantized.codebook_loss is not None:
        loss = loss + forward.quantized.codebook_loss
    loss.backward()
    # The norm of a single channel takes a bias before it away again.
    idle = {"decoder.leave.convolution.bias"} if normed_to_one_channel(codec.config) else set()
    for key, parameter in codec.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
        assert (float(parameter.grad.abs().max()) > 1e-9) == (key not in idle), key


def test_n_q_is_each_item_s_own() -> None:
    codec = small_codec("encodec_16k")
    audio = noise(codec, 3, SAMPLES)
    forward = seanet_pass(codec, audio, torch.tensor([1, N_Q, 2]))
    for item, n_q in enumerate((1, N_Q, 2)):
        alone = codec.decode(codec.encode(audio[item : item + 1], n_q))
        torch.testing.assert_close(forward.output[item : item + 1], alone, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["encodec_16k", "freqcodec_mag_phase", *SEMANTIC])
def test_without_quantizer_the_decoder_hears_the_latent(name: str) -> None:
    codec = trainable(name)
    audio, words = noise(codec, 1, SAMPLES), labels(codec, 1, SAMPLES)
    forward = seanet_pass(codec, audio, None, words)
    assert forward.quantized is None
    assert forward.output.shape == audio.shape
    (slope,) = torch.autograd.grad(loss_of(forward), forward.latent, retain_graph=True)
    assert slope.abs().max() > 0
    if name == "semantic_residual":
        # What the labels take away comes back: the decoder hears the encoder's vectors.
        plain = codec.embed(audio, (SAMPLES,))
        output = codec.synthesise(plain.vectors, plain.n_frames, plain.scale)[..., :SAMPLES]
        torch.testing.assert_close(forward.output, output)


@pytest.mark.parametrize("name", SEMANTIC)
def test_label_gradients_are_the_finite_differences(name: str) -> None:
    """Codes stay what they are under a small change, so the true slope is what training must be given."""
    codec = trainable(name)
    assert codec.semantic is not None
    audio, words = noise(codec, 2, SAMPLES), labels(codec, 2, SAMPLES)
    start = seanet_pass(codec, audio, full(2), words)
    loss_of(start).backward()
    assert start.quantized is not None
    generator, step = torch.Generator().manual_seed(3), 1e-6
    for key, parameter in codec.semantic.named_parameters():
        direction = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.add_(direction, alpha=sign * step)
                moved = seanet_pass(codec, audio, full(2), words)
                parameter.sub_(direction, alpha=sign * step)
            assert moved.quantized is not None
            assert torch.equal(moved.quantized.codes, start.quantized.codes), key
            values.append(float(loss_of(moved)))
        assert parameter.grad is not None
        slope = float((parameter.grad * direction).sum())
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(slope, rel=1e-4, abs=1e-6), key
        assert abs(slope) > 1e-6, key


@pytest.mark.parametrize("name", ["semantic_add", "semantic_residual"])
def test_added_labels_have_the_slope_of_what_the_decoder_hears(name: str) -> None:
    """The analytic case: d(heard) / d(label vectors) is the identity, in spite of the subtraction."""
    codec = trainable(name)
    assert codec.semantic is not None
    seen: dict[str, Tensor] = {}

    def note(key: str, value: Tensor) -> None:
        value.retain_grad()
        seen[key] = value

    codec.semantic.register_forward_hook(lambda *call: note("spoken", call[2]))
    codec.decoder.register_forward_pre_hook(lambda _, inputs: note("heard", inputs[0]))
    words = labels(codec, 2, SAMPLES)
    loss_of(seanet_pass(codec, noise(codec, 2, SAMPLES), full(2), words)).backward()
    assert seen["heard"].grad is not None
    torch.testing.assert_close(seen["spoken"].grad, seen["heard"].grad)


def test_subtracted_labels_leave_the_encoder_its_slope() -> None:
    codec = trainable("semantic_residual")
    words = labels(codec, 1, SAMPLES)
    heard: list[Tensor] = []
    codec.decoder.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
    forward = seanet_pass(codec, noise(codec, 1, SAMPLES), full(1), words)
    slopes = torch.autograd.grad(loss_of(forward), (forward.latent, heard[0]))
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("name", ["semantic_concat", "semantic_residual", "encodec_48k"])
def test_segments_of_an_item_are_coded_each_by_itself(name: str) -> None:
    codec = trainable(name)
    hop = codec.config.hop_samples
    plan = SegmentConfig(length_samples=6 * hop, stride_samples=5 * hop)
    codec.config = codec.config.model_copy(update={"segments": plan})
    samples = 13 * hop + 100
    audio, words = noise(codec, 2, samples), labels(codec, 2, samples)
    forward = seanet_pass(codec, audio, torch.tensor([N_Q, 2]), words)
    assert forward.latent.shape[0] == 6
    encoded = codec.encode(audio, [N_Q, 2], labels=words)
    torch.testing.assert_close(forward.output, codec.decode(encoded), rtol=1e-9, atol=1e-9)
    loss_of(forward).backward()
    assert all(p.grad is not None for p in codec.parameters())
    assert all(float(p.grad.abs().max()) > 1e-9 for p in codec.encoder.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", ["encodec_16k", "freqcodec_mag_phase"])
def test_autocast_leaves_the_quantizer_alone(name: str) -> None:
    codec = trainable(name).float()
    audio = noise(codec, 1, SAMPLES).float()
    with torch.autocast("cpu", torch.bfloat16):
        forward = seanet_pass(codec, audio, full(1))
    assert forward.quantized is not None
    assert {forward.output.dtype, forward.latent.dtype, forward.quantized.vectors.dtype} == {torch.float32}
    loss_of(forward).backward()


def test_missing_labels_are_refused() -> None:
    codec = small_codec("semantic_add")
    with pytest.raises(InvalidRequestError, match="labels"):
        seanet_pass(codec, noise(codec, 1, SAMPLES), full(1))

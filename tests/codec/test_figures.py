"""Figures are those derived from the paper, and the work is what another way of counting gives."""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from codec.config import CodecConfig
from codec.figures import Parameters, figures_of, parameters_of, rates_of
from codec.model_config import load_model_config
from codec.seanet_config import SeanetCodecConfig
from codec.seanet_model import SeanetCodec
from tests.codec.seanets import labels, noise, small_config

# Multiply-accumulates for 1 s as derived from the paper's layers, in millions: truly done, and as the
# published figures count them (at the uncut output of transposed convolutions).
WAVEFORM = {
    "encodec_16k": (1986, 3722),
    "soundstream_16k_ds640": (6240, 9814),
}
SPECTRUM = {
    "freqcodec_mag_angle": (2880, 6388),
    "freqcodec_m7": (920, 1026),
}


LAYERS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Linear, nn.LSTM)


def products(module: nn.Module, x: Tensor, output: Tensor, uncut: bool) -> int:
    """Multiply-accumulates of a layer from its shapes alone; `uncut`: as the paper counts."""
    if isinstance(module, nn.LSTM):
        weights = [p.numel() for name, p in module.named_parameters() if name.startswith("weight")]
        return x.shape[0] * x.shape[1] * sum(weights)
    assert isinstance(module.weight, Tensor)
    if isinstance(module, nn.Linear):
        return x.numel() // x.shape[-1] * module.weight.numel()
    at_input = isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d) and not uncut
    steps = x if at_input else output
    return x.shape[0] * math.prod(steps.shape[2:]) * module.weight.numel()


def counted(codec: nn.Module, run: Callable[[], object]) -> NDArray[np.int64]:
    """Multiply-accumulates of the layers that `run` calls: truly done, and as the paper counts."""
    total = np.zeros(2, np.int64)

    def add(module: nn.Module, arguments: Any, output: Any) -> None:
        for uncut in (False, True):
            total[int(uncut)] += products(module, arguments[0], output, uncut)

    handles = [m.register_forward_hook(add) for m in codec.modules() if isinstance(m, LAYERS)]
    with torch.no_grad():
        run()
    for handle in handles:
        handle.remove()
    return total


def of_items(config: SeanetCodecConfig, *frames: int) -> list[NDArray[np.int64]]:
    """Work of encoder and decoder on whole items of so many frames, by the line through two short ones."""
    with torch.device("meta"):
        codec = SeanetCodec(config)

    def run(frames: int) -> None:
        audio = torch.empty(1, config.channels, frames * config.hop_samples, device="meta")
        vectors, _ = codec.encoder(*codec.features(audio, None))
        codec.decoder(vectors, None)

    two, three = (counted(codec, partial(run, count)) for count in (2, 3))
    return [two + (three - two) * (count - 2) for count in frames]


def seanet(name: str) -> SeanetCodecConfig:
    config = load_model_config(name)
    assert isinstance(config, SeanetCodecConfig)
    return config


@pytest.mark.parametrize("name", WAVEFORM)
def test_work_on_a_waveform_is_that_derived_from_the_paper(name: str) -> None:
    config = seanet(name)
    work = figures_of(config).work
    (second,) = of_items(config, int(config.frame_rate))
    assert work.encoder + work.decoder == second[0]
    assert second / 10**6 == pytest.approx(WAVEFORM[name], abs=1)


@pytest.mark.parametrize("name", SPECTRUM)
def test_work_on_a_spectrum_is_that_derived_but_for_the_edges_and_the_last_bin(name: str) -> None:
    """The derivation is for the 101 spectra of a lone second, and for a network that hears all 257 bins."""
    config, per_second = seanet(name), int(seanet(name).frame_rate)
    theirs = config.model_copy(update={"domain": config.domain.model_copy(update={"keeps_nyquist": True})})
    assert of_items(theirs, per_second)[0] / 10**6 == pytest.approx(SPECTRUM[name], abs=1)
    one, two = of_items(config, per_second, 2 * per_second)
    work = figures_of(config).work
    transforms = 2 * 100 * (512 * 9 + 512)
    assert work.encoder + work.decoder == (two - one)[0] + transforms
    assert 0.94 < (work.encoder + work.decoder) / 10**6 / SPECTRUM[name][0] < 1


def test_work_of_the_default_model_is_that_of_its_matrices() -> None:
    figures = figures_of(load_model_config("stream_16k"))
    config = load_model_config("stream_16k")
    assert isinstance(config, CodecConfig)
    transform = 100 * (512 * 9 + 512)
    blocks = 384 * 7 + 2 * 384 * 768
    assert figures.work.encoder == 50 * (3 * 257 * 2 * 384 + 3 * blocks + 384 * 64) + transform
    assert figures.work.decoder == 50 * (64 * 384 + 5 * blocks + 384 * 2 * 257 * 2) + transform
    assert figures.work.search == 50 * 1024 * 64
    assert figures.work.lookup == 0


def test_a_model_of_segments_works_on_what_they_share_twice() -> None:
    config = seanet("encodec_48k")
    work = figures_of(config).work
    assert work.encoder + work.decoder == Fraction(int(of_items(config, 150)[0][0]) * 48_000, 47_520)
    assert work.search == Fraction(150 * 1024 * 128 * 48_000, 47_520)


def test_labels_are_worked_on_where_they_are_heard() -> None:
    plain, added, residual = (
        figures_of(load_model_config(name)).work
        for name in ("encodec_16k", "semantic_add", "semantic_residual")
    )
    branch = 100 * 7 * 128 * 128 + 50 * 4 * 128 * 128
    assert (added.encoder, added.decoder) == (plain.encoder, plain.decoder + branch)
    assert (residual.encoder, residual.decoder) == (plain.encoder + branch, plain.decoder + branch)


def test_factorised_stages_work_on_both_projections() -> None:
    work = figures_of(load_model_config("dac_16k")).work
    assert work.search == 50 * (1024 * 8 + 8 * 1024 + 8 * 1024)
    assert work.lookup == 50 * 8 * 1024
    assert work.encoding(12) == work.encoder + 12 * work.search
    assert work.decoding(3) == work.decoder + 3 * work.lookup


@pytest.mark.parametrize(
    "name", ["encodec_16k", "soundstream_16k_stream", "freqcodec_m7", "semantic_residual", "dac_16k"]
)
def test_what_is_counted_without_memory_is_what_runs(name: str) -> None:
    """The slope of the work of real items of a small model."""
    config = small_config(name)
    codec = SeanetCodec(config).double().eval()
    items = [
        (noise(codec, 1, frames * config.hop_samples), labels(codec, 1, frames * config.hop_samples))
        for frames in (3, 5)
    ]
    encoded = [codec.encode(audio, 2, labels=words) for audio, words in items]
    whole = [counted(codec, partial(codec.encode, audio, 2, labels=words))[0] for audio, words in items]
    heard = [counted(codec, partial(codec.decode, item))[0] for item in encoded]
    work = figures_of(config).work
    transform = Fraction(0)
    if config.domain.kind != "waveform":
        transform = Fraction(config.sample_rate, config.domain.hop_samples) * 512 * 10
    rate = config.frame_rate / 2
    # Of a factorised codebook the projections are layers, the product with its entries is none.
    projections = config.frame_rate * 6 * 8 if name == "dac_16k" else 0
    assert int(whole[1] - whole[0]) * rate == work.encoder - transform + 4 * projections
    assert int(heard[1] - heard[0]) * rate == work.decoder - transform + 2 * projections


def parts(name: str) -> Parameters:
    with torch.device("meta"):
        return parameters_of(SeanetCodec(seanet(name)))


def test_parameters_are_counted_by_part() -> None:
    encodec, dac = parts("encodec_16k"), parts("dac_16k")
    assert (encodec.total, encodec.total - encodec.norms) == (14_855_843, 14_846_817)
    assert (encodec.semantic, encodec.quantizer, encodec.codebooks) == (0, 0, 32 * 1024 * 128)
    assert dac.total == 74_175_906
    assert dac.codebooks == 12 * 1024 * 8
    assert dac.quantizer == 12 * (1024 * 8 + (8 * 1024 + 8 + 8) + (8 * 1024 + 1024 + 1024))


def test_rates_are_those_of_the_paper() -> None:
    rates = rates_of(load_model_config("encodec_16k_ds1280"))
    assert [(rate.n_q, rate.tokens_per_second, rate.bitrate_bps) for rate in rates] == [
        (n_q, Fraction(25 * n_q, 2), Fraction(125 * n_q)) for n_q in (1, 2, 4, 8, 16, 32)
    ]
    assert [rate.n_q for rate in rates_of(load_model_config("dac_16k"))] == [1, 2, 4, 8, 12]


def test_bits_of_labels_count() -> None:
    first = rates_of(load_model_config("semantic_concat"))[0]
    assert (int(first.bitrate_bps), int(first.label_bps)) == (500 + 700, 700)


@pytest.mark.parametrize("name", ["stream_16k", "soundstream_16k"])
def test_figures_are_those_of_the_config(name: str) -> None:
    config = load_model_config(name)
    figures = figures_of(config)
    assert figures.streamable == config.streamable
    assert (figures.frame_rate, figures.latency_ms) == (config.frame_rate, config.latency_ms)
    assert figures.receptive_field_samples == config.receptive_field_samples
    assert figures.rates == rates_of(config)

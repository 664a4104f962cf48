"""One interface over the families: what a pass gives is what the model gives, and crops are coded whole."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch

from codec.model import Codec
from codec.model_config import load_model_config
from codec.seanet_config import SegmentConfig
from codec.seanet_model import SeanetCodec
from tests.codec.seanets import small_codec, small_config
from tests.support import voiced
from tests.training.tiny import TINY
from training.data import Batch
from training.passes import for_crops, random_codec, run_pass
from training.ranks import ALONE, Ranks, SharedQuantizer


@pytest.fixture
def batch() -> Batch:
    crops = [torch.from_numpy(voiced(0.4, seed=seed)) for seed in range(2)]
    return Batch(torch.stack(crops).unsqueeze(1))


def tiny_codec() -> Codec:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        codec = Codec(TINY)
        codec.quantizer.codebooks.normal_()
    return codec


def test_a_spectral_pass_is_what_encode_and_decode_give(batch: Batch) -> None:
    codec = tiny_codec()
    found = run_pass(codec, batch, torch.tensor([4, 4]), bfloat16=False)
    heard = codec.decode(codec.encode(batch.audio, 4))[:, 0]
    samples = found.output.shape[1]
    assert samples == batch.audio.shape[2] - codec.config.delay_samples
    torch.testing.assert_close(found.output, heard[:, :samples], rtol=1e-4, atol=1e-5)
    assert torch.equal(found.target, batch.audio[:, 0, :samples])
    assert found.quantized is not None
    assert torch.equal(found.quantized.codes, codec.encode(batch.audio, 4).codes[..., :20])
    assert found.latent.shape == (2, 20, TINY.quantizer.dimension)


def test_a_seanet_pass_has_a_row_for_each_channel() -> None:
    codec = deepcopy(small_codec("encodec_48k")).float()
    assert isinstance(codec, SeanetCodec)
    audio = torch.randn(3, 2, 3200, generator=torch.Generator().manual_seed(0))
    found = run_pass(codec, Batch(audio), None, bfloat16=False)
    assert found.target.shape == found.output.shape == (6, 3200)
    assert torch.equal(found.target[3], audio[1, 1])
    assert found.quantized is None


def test_crops_are_coded_whole_and_items_are_not() -> None:
    hop = small_config("encodec_16k").hop_samples
    plan = SegmentConfig(length_samples=6 * hop, stride_samples=5 * hop)
    codec = random_codec(small_config("encodec_16k").model_copy(update={"segments": plan}))
    assert isinstance(codec, SeanetCodec)
    view = for_crops(codec, 13 * hop, ALONE)
    audio = torch.randn(2, 1, 13 * hop)
    assert run_pass(view, Batch(audio), None, bfloat16=False).latent.shape[0] == 2
    assert run_pass(codec, Batch(audio), None, bfloat16=False).latent.shape[0] == 6
    assert codec.config.segments == plan


def test_a_view_has_the_weights_of_the_codec(batch: Batch) -> None:
    codec = tiny_codec()
    view = for_crops(codec, 6400, Ranks(0, 2))
    assert isinstance(view.quantizer, SharedQuantizer)
    assert view.quantizer.quantizer is codec.quantizer
    assert not isinstance(codec.quantizer, SharedQuantizer)
    run_pass(view, batch, None, bfloat16=False).output.sum().backward()
    assert codec.decoder.leave.weight.grad is not None
    with torch.no_grad():
        codec.decoder.leave.weight.zero_()
    assert not view.get_parameter("decoder.leave.weight").any()


@pytest.mark.parametrize("name", ["stream_16k", "encodec_16k", "dac_16k"])
def test_half_width_is_for_the_networks_only(name: str, batch: Batch) -> None:
    codec = tiny_codec() if name == "stream_16k" else deepcopy(small_codec(name)).float()
    found = run_pass(codec, batch, torch.tensor([1, 4]), bfloat16=True)
    exact = run_pass(codec, batch, torch.tensor([1, 4]), bfloat16=False)
    assert found.quantized is not None
    assert {found.output.dtype, found.latent.dtype, found.quantized.vectors.dtype} == {torch.float32}
    assert not torch.equal(found.latent, exact.latent)
    apart = (found.latent - exact.latent).detach().norm() / exact.latent.detach().norm()
    assert float(apart) < 0.1


def test_configs_say_the_family(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    for config, family in ((TINY, Codec), (small_config("dac_16k"), SeanetCodec)):
        path.write_text(config.to_yaml())
        assert isinstance(random_codec(load_model_config(str(path))), family)

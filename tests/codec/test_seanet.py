"""Parameters of every preset are those derived from the paper, to the digit."""

import pytest
import torch

from codec.model_config import load_model_config
from codec.seanet_config import SeanetCodecConfig
from codec.seanet_model import SeanetCodec

# Without and with the parameters of norms (gains of weight norm included); the second is None where the
# derivation gives none.
PARAMETERS = {
    "encodec_16k": (14_846_817, 14_855_843),
    "encodec_16k_ds640": (57_531_745, 57_549_987),
    "soundstream_16k": (10_244_001, 10_254_178),
    "soundstream_16k_noncausal": (10_244_001, 10_263_395),
    "soundstream_16k_ds640": (33_650_081, 33_688_931),
    "freqcodec_mag_angle": (16_210_466, 16_219_494),
    "freqcodec_mag_phase": (16_213_603, 16_222_633),
    "freqcodec_mag_phase_ds640": (20_407_907, 20_416_937),
    "freqcodec_m4": (4_377_699, None),
    "freqcodec_m5": (4_499_555, 4_508_585),
    "freqcodec_m6": (519_843, 538_473),
    "freqcodec_m7": (831_779, None),
    "encodec_24k": (None, 14_851_810),
    "encodec_48k": (None, 14_856_294),
    "dac_16k": (None, 74_175_906),
}


def build(name: str) -> SeanetCodec:
    config = load_model_config(name)
    assert isinstance(config, SeanetCodecConfig)
    with torch.device("meta"):
        return SeanetCodec(config)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_those_derived(name: str) -> None:
    counts = {key: parameter.numel() for key, parameter in build(name).named_parameters()}
    norms = sum(count for key, count in counts.items() if ".norm." in key or key.endswith("original0"))
    plain, with_norms = PARAMETERS[name]
    total = sum(counts.values())
    assert plain in (None, total - norms)
    assert with_norms in (None, total)


def test_encoder_and_decoder_have_their_share() -> None:
    """Fact sheet, table of the 1-D layers."""
    codec = build("encodec_16k")
    for side, wanted in ((codec.encoder, 7_423_472), (codec.decoder, 7_423_345)):
        assert sum(p.numel() for key, p in side.named_parameters() if ".norm." not in key) == wanted


def test_a_frequency_network_ends_at_one_row_and_comes_back() -> None:
    for name, rows in (("freqcodec_m6", 256),):
        codec = build(name).to_empty(device="cpu").eval().requires_grad_(False)
        for parameter in codec.parameters():
            parameter.fill_(0.01)
        latent, _ = codec.encoder(torch.randn(2, 3, rows, 11), None)
        assert latent.shape == (2, 6, 128)
        out, _ = codec.decoder(latent, None)
        assert out.shape == (2, 3, rows, 12)

"""The config of the SEANet network: widths, kernels and groups, and what it refuses."""

from typing import Any

import pytest
from pydantic import ValidationError

from codec.seanet_network_config import SeanetConfig, groups_of


def test_widths_double_with_every_stage() -> None:
    assert SeanetConfig().top_width == 512
    assert SeanetConfig(time_ratios=(8, 5, 4, 2, 2)).top_width == 1024


def test_the_decoder_may_be_wider_than_the_encoder() -> None:
    both = SeanetConfig(filters=64)
    assert (both.decoder_width, both.decoder_top_width) == (64, 1024)
    wider = SeanetConfig(filters=64, decoder_filters=96)
    assert (wider.top_width, wider.decoder_width, wider.decoder_top_width) == (1024, 96, 1536)


def test_the_kernel_before_the_latent_may_be_its_own() -> None:
    assert SeanetConfig(last_kernel=5).latent_kernel == 5
    assert SeanetConfig(last_kernel=5, encoder_last_kernel=3).latent_kernel == 3


def test_groups_are_those_of_the_paper() -> None:
    """At ratio 1 a residual 3 x 3 has 4 inputs and 2 outputs per group."""
    assert groups_of(16, 1) == 8
    assert groups_of(512, 8) == 32
    assert groups_of(512, 0) == 1


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"causal": True}, "time_group_norm"),
        ({"causal": True, "norm": "none", "trims_odd_strides": True}, "centred networks"),
        ({"frequency_ratios": [4, 4]}, "as many entries"),
        ({"time_ratios": []}, "every stage"),
        ({"filters": 1}, "no inner channel"),
        ({"decoder_filters": 1}, "no inner channel"),
        ({"encoder_group_ratio": 16}, "leaves no group"),
        ({"decoder_filters": 8, "decoder_group_ratio": 4}, "leaves no group"),
        ({"upsampling_group_ratio": 64}, "leaves no group"),
        ({"activation": "relu"}, "'elu' or 'snake'"),
        ({"invented": 1}, "invented"),
    ],
)
def test_what_cannot_be_built_is_refused(network: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SeanetConfig.model_validate(network)

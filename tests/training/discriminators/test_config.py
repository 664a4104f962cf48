"""Discriminators in a recipe: any mixture by kind, and the least audio they can judge."""

import pytest
import torch
from pydantic import ValidationError

from training.discriminators.config import (
    ComplexStftConfig,
    DiscriminatorKind,
    DiscriminatorsConfig,
    PeriodConfig,
    ScaleConfig,
    StftConfig,
    WaveConfig,
)
from training.discriminators.discriminators import Discriminators


def test_a_recipe_names_its_kinds() -> None:
    tree = {"kinds": [{"kind": "period", "periods": [2]}, {"kind": "stft", "filters": 4}], "items": 2}
    config = DiscriminatorsConfig.model_validate(tree)
    assert config.kinds == (PeriodConfig(periods=(2,)), StftConfig(filters=4))
    assert DiscriminatorsConfig.model_validate(config.model_dump(mode="json")) == config


def test_the_defaults_are_those_of_the_paper() -> None:
    config = DiscriminatorsConfig()
    assert (config.learning_rate, config.betas, config.gated) == (3e-4, (0.5, 0.9), True)
    assert config.kinds == (StftConfig(n_ffts=(1024, 2048, 512), filters=32, pool_logits=True),)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kinds": []},
        {"kinds": [{"kind": "nobody"}]},
        {"kinds": [{"kind": "period", "n_ffts": [512]}]},
        {"kinds": [{"kind": "stft", "n_ffts": []}]},
        {"kinds": [{"kind": "complex_stft", "n_ffts": [128]}]},
        {"kinds": [{"kind": "scale", "channels": 24}]},
        {"kinds": [{"kind": "wave", "channels": 6}]},
        {"items": 0},
    ],
)
def test_what_cannot_be_built_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DiscriminatorsConfig.model_validate(wrong)


@pytest.mark.parametrize(
    ("kind", "tight"),
    [
        (StftConfig(n_ffts=(64, 256), filters=2), True),
        (StftConfig(n_ffts=(256,), filters=2, pool_logits=False), True),
        (PeriodConfig(periods=(2, 7), channels=2, max_channels=2), False),
        (ScaleConfig(channels=16, max_channels=16), False),
        (WaveConfig(channels=4, max_channels=4), False),
        (ComplexStftConfig(n_ffts=(256,), channels=1), True),
    ],
)
def test_the_shortest_audio_can_be_judged(kind: DiscriminatorKind, tight: bool) -> None:
    """And one sample less cannot, where the bound is exact."""
    config = DiscriminatorsConfig(kinds=(kind,))
    discriminators = Discriminators(config)
    judgements = discriminators(torch.zeros(1, config.shortest_samples))
    assert all(judgement.logits.numel() > 0 for judgement in judgements)
    if tight:
        with pytest.raises(RuntimeError):
            discriminators(torch.zeros(1, config.shortest_samples - 1))


def test_the_longest_need_of_a_mixture_counts() -> None:
    kinds = (PeriodConfig(), StftConfig(n_ffts=(1024, 512), pool_logits=False))
    assert DiscriminatorsConfig(kinds=kinds).shortest_samples == 1024

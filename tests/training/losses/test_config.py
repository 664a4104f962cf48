"""Weights in a recipe: the paper's unless said, 0 leaves a term out."""

import json

import pytest
from pydantic import ValidationError

from tests.support import shared_dir
from training.losses.config import LossConfig


def test_the_defaults_are_those_of_the_paper() -> None:
    assert LossConfig().weights == {
        "time": 1,
        "power_mel": 0.5,
        "log_power": 0.5,
        "commitment": 1,
        "codebook": 1,
        "adversarial": pytest.approx(1 / 9),
        "features": pytest.approx(100 / 9),
    }


def test_they_add_up_to_the_loss_that_the_reference_gates_with() -> None:
    meta = json.loads((shared_dir() / "golden" / "train_step" / "meta.json").read_text())
    terms, weights = meta["train_generator"], LossConfig().weights
    loss = (
        weights["time"] * terms["generator_recon_loss"]
        + (weights["power_mel"] + weights["log_power"]) * terms["generator_multi_spectral_recon_loss"]
        + weights["adversarial"] * terms["generator_adv_loss"]
        + weights["features"] * terms["generator_feat_match_loss"]
    )
    assert loss == pytest.approx(meta["remembered_gen_loss"], rel=1e-6)


def test_a_term_without_weight_is_left_out() -> None:
    weights = LossConfig(power_mel=0, log_power=0, mel=3, features=0).weights
    assert list(weights) == ["time", "mel", "commitment", "codebook", "adversarial"]


def test_without_reconstruction_there_is_nothing_to_learn() -> None:
    with pytest.raises(ValidationError, match="no reconstruction term has a weight"):
        LossConfig(time=0, power_mel=0, log_power=0)
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        LossConfig(time=-1)

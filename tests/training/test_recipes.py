"""Every recipe that ships trains: three steps of each at tiny widths, with all of its phases."""

from pathlib import Path

import pytest
import torch
import yaml

from tests.training.tiny import make_trainer, shrunk, write_audio, write_labels
from training.recipe import load_recipe, shipped_recipes

pytestmark = pytest.mark.usefixtures("single_thread")

TABLES = {
    *("soundstream_16k", "soundstream_16k_noncausal", "soundstream_16k_ds640", "encodec_16k", "funcodec_16k"),
    *("funcodec_16k_ds640", "funcodec_16k_ds1280", "freqcodec_mag_angle", "freqcodec_mag_phase"),
    *("freqcodec_mag_phase_ds640", "freqcodec_m4", "freqcodec_m5", "freqcodec_m6", "freqcodec_m7"),
    *("semantic_concat", "semantic_add", "semantic_residual"),
}
"""The rows of the paper's tables 3, 4 and 5, and their half-rate variants."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("recipes")
    write_labels(made / "labels", write_audio(made / "audio", clips=2, seconds=0.5))
    return made


def test_every_row_of_the_paper_s_tables_has_one() -> None:
    assert shipped_recipes().keys() == TABLES | {"dac_16k", "stream_16k"}


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_three_steps_of_every_recipe(name: str, folder: Path) -> None:
    trainer = make_trainer(shrunk(name, folder))
    trainer.start()
    before = {key: p.detach().clone() for key, p in trainer.codec.named_parameters()}
    logs = [trainer.advance() for _ in range(3)]
    trainer.close()
    assert trainer.step == 3
    for log in logs:
        assert torch.isfinite(torch.tensor(list(log.terms.values()))).all()
        assert set(log.weighted) == set(trainer.weights) - ({"codebook"} if trainer.codebooks else set())
        assert {"adversarial", "features", "commitment"} <= set(log.weighted)
    moved = [key for key, p in trainer.codec.named_parameters() if not torch.equal(p, before[key])]
    # A codebook that no item of these steps had in use has not learnt.
    idle = {key for key in before if key.startswith("quantizer.stages.")}
    assert set(moved) >= set(before) - idle - {"decoder.leave.convolution.bias"}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_paper_s_setting(name: str) -> None:
    recipe = load_recipe(name, [])
    assert (recipe.steps, recipe.data.batch_items, recipe.data.crop_seconds) == (300_000, 32, 3.2)
    rates = recipe.optimiser, recipe.discriminator
    assert [(r.learning_rate, r.betas) for r in rates if r] == [(3e-4, (0.5, 0.9))] * 2
    assert [recipe.optimiser.share(step, recipe.steps) for step in (0, 1000, 299_999)] == [1, 1, 1]
    assert (recipe.optimiser.weight_decay, recipe.optimiser.clip_norm) == (0, None)
    with_power_loss = name not in ("encodec_16k", "soundstream_16k")
    assert recipe.losses.log_power == (0.5 if with_power_loss else 0)
    assert recipe.losses.power_mel + recipe.losses.log_power == 1


def test_recipes_are_small() -> None:
    for name, text in shipped_recipes().items():
        if name not in ("funcodec_16k", "stream_16k"):
            assert "base" in yaml.safe_load(text), name

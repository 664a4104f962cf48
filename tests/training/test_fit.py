"""What cannot be trained is refused before it starts, and the key to change is named."""

from pathlib import Path

import pytest

from codec.errors import ConfigError
from codec.model_config import load_model_config
from training.fit import check_fit, crop_samples_of
from training.recipe import Recipe, load_recipe, shipped_recipes


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_every_shipped_recipe_fits_its_model(name: str) -> None:
    recipe = load_recipe(name, [])
    assert recipe.model is not None
    config = load_model_config(recipe.model)
    check_fit(recipe, config)
    samples = crop_samples_of(recipe, config)
    assert samples % config.hop_samples == 0
    assert 0 <= samples - recipe.data.crop_seconds * config.sample_rate < config.hop_samples


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["codebooks.n_q_choices=[1, 33]"], r"codebooks\.n_q_choices has 33; the model has 32 codebooks"),
        (["data.crop_seconds=0.1"], r"data\.crop_seconds of 0\.1 is too short .* use at least 0\.406"),
        (["data.crop_seconds=0.1", "losses.envelopes=0"], "use at least 0.15"),
        (["discriminator.kinds=[{kind: stft, n_ffts: [65536]}]"], "use at least 5.142"),
    ],
)
def test_a_recipe_that_does_not_fit_its_model_is_refused(overrides: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        check_fit(load_recipe("stream_16k", overrides), load_model_config("stream_16k"))


def test_a_linear_start_needs_room_for_the_latent(tmp_path: Path) -> None:
    (tmp_path / "thin.yaml").write_text("family: spectral\nnetwork: {width: 32}")
    recipe = Recipe(model=str(tmp_path / "thin.yaml"), steps=1, linear_start=True)
    with pytest.raises(ConfigError, match="width 32, dimension 64"):
        check_fit(recipe, load_model_config(str(tmp_path / "thin.yaml")))
    with pytest.raises(ConfigError, match="linear_start is for spectral models"):
        check_fit(recipe, load_model_config("encodec_16k"))


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("data.batch_items=6", r"data\.batch_items of 6 cannot be shared by 4 ranks"),
        ("discriminator.items=2", r"discriminator\.items of 2 cannot be shared by 4 ranks"),
    ],
)
def test_ranks_need_equal_shares(override: str, complaint: str) -> None:
    recipe = load_recipe("stream_16k", [override])
    check_fit(recipe, load_model_config("stream_16k"), 1)
    with pytest.raises(ConfigError, match=complaint):
        check_fit(recipe, load_model_config("stream_16k"), 4)

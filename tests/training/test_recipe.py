"""Recipes are strict, and what is wrong with one, or with an override, is named."""

from pathlib import Path

import pytest

from codec.config import load_config
from codec.errors import ConfigError
from training.recipe import Recipe, load_recipe, shipped_recipes
from training.run import check_fit


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_every_shipped_recipe_fits_its_model_and_survives_being_written(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name, [])
    check_fit(recipe, load_config(recipe.model))
    (tmp_path / "again.yaml").write_text(recipe.to_yaml())
    assert load_recipe(str(tmp_path / "again.yaml"), []) == recipe


def test_overrides_reach_any_depth() -> None:
    overrides = ["data.train=speech/x y", "steps=7", "optimiser.learning_rate=5e-4", "data.gain_db=[-3, 0]"]
    recipe = load_recipe("stream_16k", [*overrides, "optimiser.betas=[0.5, 0.9]"])
    assert recipe.data.train == Path("speech/x y")
    assert (recipe.steps, recipe.data.gain_db) == (7, (-3, 0))
    assert recipe.optimiser.learning_rate == 5e-4
    assert recipe.optimiser.betas == (0.5, 0.9)
    assert recipe.optimiser.clip_norm == load_recipe("stream_16k", []).optimiser.clip_norm


def test_a_section_can_be_switched_off_and_on(tmp_path: Path) -> None:
    without = load_recipe("stream_16k", ["discriminator=null"])
    assert without.discriminator is None
    (tmp_path / "r.yaml").write_text(without.to_yaml())
    again = load_recipe(str(tmp_path / "r.yaml"), ["discriminator.filters=8"])
    assert again.discriminator is not None
    assert again.discriminator.filters == 8


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("steps", "'steps' is not key=value"),
        ("=5", "'=5' is not key=value"),
        ("stepz=5", "correct stepz: Extra inputs are not permitted"),
        ("data.trian=x", r"correct data\.trian: Extra inputs"),
        ("steps.x=5", "steps is a value, not a section"),
        ("steps=many", "correct steps: Input should be a valid integer"),
        ("steps=0", "correct steps: Input should be greater than 0"),
        ("steps=[", "is not YAML"),
        ("optimiser.learning_rate=.nan", r"correct optimiser\.learning_rate: Input should be"),
        ("optimiser.learning_rate=.inf", r"correct optimiser\.learning_rate: Input should be a finite"),
        ("data.gain_db=[3, -3]", r"correct data\.gain_db: the lower gain comes first"),
        ("codebooks.n_q_choices=[]", r"correct codebooks\.n_q_choices"),
        ("codebooks.revival_share=0", r"correct codebooks\.revival_share"),
        ("discriminator.n_ffts=[]", r"correct discriminator\.n_ffts"),
        ("seed=-1", "correct seed"),
    ],
)
def test_a_wrong_override_is_named_in_one_line(override: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_recipe("stream_16k", [override])
    if "YAML" not in complaint:
        assert "\n" not in str(caught.value)


def test_what_is_no_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'nobody' is no recipe and no file; recipes: .*stream_16k"):
        load_recipe("nobody", [])
    path = tmp_path / "r.yaml"
    for content in (b"", b"- a\n- b", b"just words"):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="is no recipe; a recipe is a YAML mapping"):
            load_recipe(str(path), ["steps=5"])
    path.write_bytes(b"\x80\x00\xff binary")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_recipe(str(path), [])
    path.write_text("model: stream_16k")
    with pytest.raises(ConfigError, match="correct steps: Field required"):
        load_recipe(str(path), [])


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["codebooks.n_q_choices=[1, 33]"], r"codebooks\.n_q_choices has 33; the model has 32 codebooks"),
        (["data.crop_seconds=0.1"], r"data\.crop_seconds of 0\.1 is too short .* use at least 0\.15"),
        (["discriminator.n_ffts=[65536]"], "use at least 4.118"),
    ],
)
def test_a_recipe_that_does_not_fit_its_model_is_refused(overrides: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        check_fit(load_recipe("stream_16k", overrides), load_config("stream_16k"))


def test_a_linear_start_needs_room_for_the_latent(tmp_path: Path) -> None:
    (tmp_path / "thin.yaml").write_text("network: {width: 32}")
    recipe = Recipe(model=str(tmp_path / "thin.yaml"), steps=1, linear_start=True)
    with pytest.raises(ConfigError, match="width 32, dimension 64"):
        check_fit(recipe, load_config(recipe.model))

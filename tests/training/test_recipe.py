"""Recipes are strict, and what is wrong with one, or with an override, is named."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from codec.errors import ConfigError
from training.recipe import OptimiserConfig, Recipe, load_recipe, shipped_recipes


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_every_shipped_recipe_survives_being_written(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name, [])
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
    again = load_recipe(str(tmp_path / "r.yaml"), ["discriminator.items=8"])
    assert again.discriminator is not None
    assert again.discriminator.items == 8


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
        ("steps=[", r"override 'steps=\[' is not YAML: while parsing"),
        ("data={workers: 1, workers: 2}", "it gives workers 2 times"),
        ("optimiser.learning_rate=.nan", r"correct optimiser\.learning_rate: Input should be"),
        ("optimiser.learning_rate=.inf", r"correct optimiser\.learning_rate: Input should be a finite"),
        ("data.gain_db=[3, -3]", r"correct data\.gain_db: the lower bound comes first"),
        ("codebooks.n_q_choices=[]", r"correct codebooks\.n_q_choices"),
        ("codebooks.revival_share=0", r"correct codebooks\.revival_share"),
        ("discriminator.kinds=[]", r"correct discriminator\.kinds"),
        ("discriminator.kinds=[{kind: stft, n_ffts: []}]", r"correct discriminator\.kinds\.0\.stft\.n_ffts"),
        ("losses.tme=1", r"correct losses\.tme: Extra inputs"),
        ("seed=-1", "correct seed"),
    ],
)
def test_a_wrong_override_is_named_in_one_line(override: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_recipe("stream_16k", [override])
    assert "\n" not in str(caught.value)


def test_what_is_no_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'nobody' is no recipe and no file; recipes: .*stream_16k"):
        load_recipe("nobody", [])
    path = tmp_path / "r.yaml"
    for content in (b"", b"- a\n- b", b"just words"):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="is no recipe; a recipe is a YAML mapping"):
            load_recipe(str(path), ["steps=5"])
    path.write_text("model: stream_16k")
    with pytest.raises(ConfigError, match="correct steps: Field required"):
        load_recipe(str(path), [])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\x80\x00\xff binary", "is not text; give the path of a YAML file"),
        (b"model: stream_16k\0\nsteps: 3\n", "is not YAML: .*not allowed"),
        (b"steps: 3\nmodel: stream_16k\nsteps: 4\n", "is not YAML: it gives steps 2 times; keep one of them"),
        (b"steps: 3\nlosses: {mel: 1, time: 2, mel: 3}\n", "it gives mel 2 times"),
        (b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", r"is not YAML: it has an alias \(\*\)"),
        (b"steps: !!python/name:os.getcwd\n", "is not YAML: could not determine a constructor"),
        (b"steps: 2024-13-01\n", "is not YAML: month must be in 1..12"),
        (b"[" * 5000, "is not YAML: .*recursion"),
        (b"# \n" * 30000, "is larger than 65536 bytes"),
    ],
)
def test_yaml_that_is_damaged_or_means_harm_is_one_clear_error(
    content: bytes, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_recipe(str(path), [])
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_recipe_changes_its_base_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.yaml").write_text("base: stream_16k\ndata: {batch_items: 3}\nsteps: 11\n")
    (tmp_path / "deep" / "b.yaml").write_text("base: ../a.yaml\nsteps: 12\nlosses: {mel: 1.5}\n")
    recipe = load_recipe(str(tmp_path / "deep" / "b.yaml"), ["data.batch_items=4"])
    plain = load_recipe("stream_16k", [])
    assert (recipe.steps, recipe.data.batch_items, recipe.losses.mel) == (12, 4, 1.5)
    assert load_recipe(str(tmp_path / "a.yaml"), []).data.batch_items == 3
    assert recipe.losses.time == plain.losses.time
    assert recipe.discriminator == plain.discriminator


def test_a_base_that_is_missing_or_goes_round_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("base: b.yaml\n")
    with pytest.raises(ConfigError, match=r"'b\.yaml' is no recipe and no file"):
        load_recipe(str(tmp_path / "a.yaml"), [])
    (tmp_path / "b.yaml").write_text("base: a.yaml\n")
    with pytest.raises(ConfigError, match="is its own base, by way of"):
        load_recipe(str(tmp_path / "a.yaml"), [])


def test_the_rate_is_constant_or_falls_after_the_warm_up() -> None:
    plan = OptimiserConfig(warmup_steps=4, final_share=0.1)
    assert [plan.share(step, 1000) for step in (0, 1)] == [pytest.approx(0.25), pytest.approx(0.5, rel=1e-3)]
    assert plan.share(500, 1000) == pytest.approx(0.55)
    assert plan.share(1000, 1000) == pytest.approx(0.1)
    constant = OptimiserConfig(warmup_steps=4, schedule="constant")
    assert [constant.share(step, 1000) for step in (0, 1, 3, 500, 999)] == [0.25, 0.5, 1, 1, 1]


def test_a_run_needs_a_model_to_begin_with() -> None:
    assert Recipe(init="stream_16k", steps=1).model is None
    with pytest.raises(ValidationError, match="neither model nor init"):
        Recipe(steps=1)
    with pytest.raises(ConfigError, match="linear_start would overwrite the weights of init"):
        load_recipe("stream_16k", ["init=stream_16k"])

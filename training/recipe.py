"""A recipe: everything that a training run needs besides the audio, as one strict YAML."""

from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from codec.config import explain
from codec.errors import ConfigError

PositiveInt = Annotated[int, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataConfig(_Strict):
    """What is heard: `train` is a folder of audio; crops of `crop_seconds`, levels shifted by `gain_db`."""

    train: Path | None = None
    crop_seconds: Annotated[float, Field(gt=0)] = 2.0
    batch_items: PositiveInt = 8
    gain_db: tuple[float, float] = (-12.0, 6.0)

    @field_validator("gain_db")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] > value[1]:
            raise ValueError("the lower gain comes first")
        return value


class CodebookConfig(_Strict):
    """How the codebooks move: they start by k-means at `start_step`, then follow an EMA.

    `n_q_choices`: codebooks in use, drawn per item; `revival_share`: an entry is dead when it is used less
    than this share of what it would be if all were used alike.
    """

    start_step: Annotated[int, Field(ge=0)] = 1000
    start_vectors: PositiveInt = 16384
    kmeans_iterations: PositiveInt = 10
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.99
    revival_share: Annotated[float, Field(gt=0, lt=1)] = 0.03
    n_q_choices: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1, 2, 4, 8, 16, 32)


class LossWeights(_Strict):
    """Weights of the terms; 0 leaves a term out."""

    time: NotNegative = 20.0
    mel: NotNegative = 4.5
    spectrum: NotNegative = 4.0
    level: NotNegative = 0.1
    commitment: NotNegative = 0.5
    adversarial: NotNegative = 0.1
    features: NotNegative = 1.0


class DiscriminatorConfig(_Strict):
    """Multi-scale STFT discriminators: one per length in `n_ffts`, `filters` wide, from `start_step` on.

    They listen to `items` of each batch: they cost more than the codec on a CPU.
    """

    n_ffts: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1024, 512, 256)
    filters: PositiveInt = 16
    start_step: Annotated[int, Field(ge=0)] = 0
    items: PositiveInt = 4
    learning_rate: Annotated[float, Field(gt=0)] = 3e-4


class OptimiserConfig(_Strict):
    """AdamW with warm-up, then a cosine down to `final_share` of the rate; gradients clipped by norm."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: NotNegative = 1e-3
    warmup_steps: PositiveInt = 100
    final_share: Annotated[float, Field(ge=0, le=1)] = 0.02
    clip_norm: Annotated[float, Field(gt=0)] = 5.0


class Recipe(_Strict):
    """One training run of `model` (a preset name or the path of a config).

    From step `freeze_encoder_at` on, the encoder stays at its running average; codebooks and decoder go on.
    That is the second stage of AudioDec, which spares half the work while discriminators are listening.
    """

    model: str
    seed: Annotated[int, Field(ge=0, lt=2**16)] = 0
    steps: PositiveInt
    bfloat16: bool = False
    linear_start: bool = False
    freeze_encoder_at: Annotated[int, Field(ge=0)] | None = None
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    checkpoint_every: PositiveInt = 500
    log_every: PositiveInt = 50
    listen_every: PositiveInt = 1000
    data: DataConfig = DataConfig()
    codebooks: CodebookConfig = CodebookConfig()
    losses: LossWeights = LossWeights()
    discriminator: DiscriminatorConfig | None = None
    optimiser: OptimiserConfig = OptimiserConfig()

    def to_yaml(self) -> str:
        """The recipe as YAML, every field written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def shipped_recipes() -> dict[str, str]:
    """Name and YAML text of the recipes that come with the package."""
    folder = resources.files("training") / "recipes"
    return {p.name.removesuffix(".yaml"): p.read_text() for p in folder.iterdir() if p.name.endswith(".yaml")}


def load_recipe(name_or_path: str, overrides: list[str]) -> Recipe:
    """A shipped recipe by name or a YAML file by path, with `dotted.key=value` overrides applied.

    Raises `ConfigError` for a recipe that does not exist or does not validate, naming the key.
    """
    recipes = shipped_recipes()
    if name_or_path in recipes:
        text = recipes[name_or_path]
    elif Path(name_or_path).is_file():
        text = Path(name_or_path).read_text(encoding="utf-8", errors="replace")
    else:
        raise ConfigError(f"{name_or_path!r} is no recipe and no file; recipes: {', '.join(sorted(recipes))}")
    try:
        tree = yaml.safe_load(text)
        if not isinstance(tree, dict):
            raise ConfigError(
                f"{name_or_path} is no recipe; a recipe is a YAML mapping, see training/recipes"
            )
        for override in overrides:
            _apply(tree, override)
        return Recipe.model_validate(tree)
    except yaml.YAMLError as error:
        raise ConfigError(f"recipe {name_or_path} or an override of it is not YAML: {error}") from error
    except ValidationError as error:
        raise ConfigError(f"recipe {name_or_path} does not make sense; correct {explain(error)}") from error


def _apply(tree: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"override {override!r} is not key=value; write for example data.train=speech/")
    *parents, leaf = key.split(".")
    for parent in parents:
        if tree.get(parent) is None:
            tree[parent] = {}
        tree = tree[parent]
        if not isinstance(tree, dict):
            raise ConfigError(f"override {override!r}: {parent} is a value, not a section; drop .{leaf}")
    tree[leaf] = yaml.safe_load(value)

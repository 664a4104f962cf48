"""A recipe: everything that a training run needs besides the audio, as one strict YAML."""

import math
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from codec.config import explain, load_yaml, read_text
from codec.errors import ConfigError
from training.data_config import DataConfig
from training.discriminators.config import DiscriminatorsConfig
from training.losses.config import LossConfig
from training.strict_config import NotNegative, PositiveInt, StrictConfig


class CodebookConfig(StrictConfig):
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


class OptimiserConfig(StrictConfig):
    """AdamW with warm-up, then a constant rate or a cosine down to `final_share` of it.

    `clip_norm`: limit of the gradient's norm, absent for none.
    """

    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: NotNegative = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_steps: PositiveInt = 100
    final_share: Annotated[float, Field(ge=0, le=1)] = 0.02
    clip_norm: Annotated[float, Field(gt=0)] | None = 5.0

    def share(self, step: int, steps: int) -> float:
        """The part of the learning rate that a step of so many has."""
        warm = min(1.0, (step + 1) / self.warmup_steps)
        if self.schedule == "constant":
            return warm
        cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
        return warm * (self.final_share + (1 - self.final_share) * cosine)


class Recipe(StrictConfig):
    """One training run of `model` (a preset name or the path of a config; absent: that of `init`).

    `init`: weights to begin with, of a published version (name, name@channel, folder) or of a checkpoint.
    `device`: "auto" is a GPU where there is one.

    `compile`: encoder, decoder, losses and discriminators run as code that torch makes for them at the first
    step, which takes minutes. It is meant for GPUs, where starting many small kernels can cost more than
    their work; on one CPU core it gained nothing (`tests.bench.training_speed compile=true` measures it).

    From step `freeze_encoder_at` on, the encoder stays at its running average; codebooks and decoder go on.
    That is the second stage of AudioDec, which spares half the work while discriminators are listening.

    `keep_last`: how many checkpoints stay beside the last one; the best one by the mel distance on
    `data.valid`, taken every `validate_every` steps on `validate_items` crops, stays too.
    """

    model: str | None = None
    init: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**16)] = 0
    steps: PositiveInt
    device: Literal["auto", "cpu", "cuda"] = "auto"
    bfloat16: bool = False
    compile: bool = False
    linear_start: bool = False
    freeze_encoder_at: Annotated[int, Field(ge=0)] | None = None
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    checkpoint_every: PositiveInt = 500
    keep_last: Annotated[int, Field(ge=0)] = 0
    log_every: PositiveInt = 50
    listen_every: PositiveInt = 1000
    validate_every: PositiveInt = 1000
    validate_items: PositiveInt = 32
    data: DataConfig = DataConfig()
    codebooks: CodebookConfig = CodebookConfig()
    losses: LossConfig = LossConfig()
    discriminator: DiscriminatorsConfig | None = None
    optimiser: OptimiserConfig = OptimiserConfig()

    @model_validator(mode="after")
    def _begins_somewhere(self) -> Self:
        if self.model is None and self.init is None:
            raise ValueError("neither model nor init says what to train; give model a preset or a config")
        if self.init is not None and self.linear_start:
            raise ValueError("linear_start would overwrite the weights of init; leave one of them out")
        return self

    def to_yaml(self) -> str:
        """The recipe as YAML, every field written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def shipped_recipes() -> dict[str, str]:
    """Name and YAML text of the recipes that come with the package."""
    folder = resources.files("training") / "recipes"
    return {p.name.removesuffix(".yaml"): p.read_text() for p in folder.iterdir() if p.name.endswith(".yaml")}


def load_recipe(name_or_path: str, overrides: list[str]) -> Recipe:
    """A shipped recipe by name or a YAML file by path, with `dotted.key=value` overrides applied.

    A recipe's `base` names another one that it changes: a shipped one, or a file beside it. Sections are
    merged key by key. Raises `ConfigError` for a recipe that does not exist, is no plain YAML (aliases, a key
    given twice), is its own base, or does not validate, naming the key.
    """
    try:
        tree = _tree(name_or_path, Path(), ())
        for override in overrides:
            _apply(tree, override)
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"recipe {name_or_path} does not make sense; correct {explain(error)}") from error


def _tree(name_or_path: str, beside: Path, users: tuple[str, ...]) -> dict[str, Any]:
    """A recipe's content with its bases under it; `users`: the recipes that are based on it."""
    shipped = shipped_recipes()
    path = beside / name_or_path
    if name_or_path in shipped:
        key, text = name_or_path, shipped[name_or_path]
    elif path.is_file():
        key, text = str(path.resolve()), read_text(path)
    else:
        raise ConfigError(f"{name_or_path!r} is no recipe and no file; recipes: {', '.join(sorted(shipped))}")
    if key in users:
        raise ConfigError(
            f"recipe {name_or_path} is its own base, by way of {', '.join(users)}; break the circle"
        )
    tree = load_yaml(text, f"recipe {name_or_path}")
    if not isinstance(tree, dict):
        raise ConfigError(f"{name_or_path} is no recipe; a recipe is a YAML mapping, see training/recipes")
    base = tree.pop("base", None)
    if base is None:
        return tree
    return _merged(_tree(str(base), path.parent, (*users, key)), tree)


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    result = dict(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(under.get(key), dict)
        result[key] = _merged(under[key], value) if both else value
    return result


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
    tree[leaf] = load_yaml(value, f"override {override!r}")

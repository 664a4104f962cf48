"""Whether a recipe can train a model: what would fail later, or silently, is refused before it starts."""

import math

from codec.config import CodecConfig
from codec.errors import ConfigError
from codec.model_config import ModelConfig
from training.losses.reconstruction import longest_window
from training.recipe import Recipe


def crop_samples_of(recipe: Recipe, config: ModelConfig) -> int:
    """Samples of a crop: the recipe's seconds, in whole frames."""
    return math.ceil(recipe.data.crop_seconds * config.frame_rate) * config.hop_samples


def check_fit(recipe: Recipe, config: ModelConfig, ranks: int = 1) -> None:
    """Raise `ConfigError`, naming the key, if so many ranks cannot train such a model by the recipe."""
    most = max(recipe.codebooks.n_q_choices)
    if most > config.quantizer.codebooks:
        raise ConfigError(
            f"codebooks.n_q_choices has {most}; the model has {config.quantizer.codebooks} codebooks"
        )
    judged = recipe.discriminator.shortest_samples if recipe.discriminator else 1
    needed = config.delay_samples + max(judged, longest_window(recipe.losses.weights, config.sample_rate))
    if recipe.data.crop_seconds * config.sample_rate < needed:
        raise ConfigError(
            f"data.crop_seconds of {recipe.data.crop_seconds:g} is too short for the longest window of the "
            f"losses; use at least {needed / config.sample_rate:g}"
        )
    if recipe.linear_start:
        _check_linear_start(config)
    shares = {"data.batch_items": recipe.data.batch_items}
    if recipe.discriminator and recipe.discriminator.items is not None:
        shares["discriminator.items"] = recipe.discriminator.items
    for key, items in shares.items():
        if items % ranks:
            raise ConfigError(
                f"{key} of {items} cannot be shared by {ranks} ranks; use a multiple of {ranks}"
            )


def _check_linear_start(config: ModelConfig) -> None:
    if not isinstance(config, CodecConfig):
        raise ConfigError("linear_start is for spectral models; set linear_start=false")
    if config.network.width < config.quantizer.dimension:
        raise ConfigError(
            f"linear_start needs a network at least as wide as the latent: width {config.network.width}, "
            f"dimension {config.quantizer.dimension}; change the model config or set linear_start=false"
        )

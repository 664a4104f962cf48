"""Whatever text comes as a config: a config whose figures can be told, or `ConfigError`, in bounded time."""

import random
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from codec.config import presets
from codec.errors import ConfigError
from codec.figures import figures_of, parameters_of
from codec.model import Codec
from codec.model_config import ModelConfig, load_model_config, parse_model_config
from codec.seanet_config import SeanetCodecConfig
from codec.seanet_model import SeanetCodec
from tests.codec.fuzzing import Growth, change

TEXTS = [presets()[name] for name in sorted(presets())]
TREES: list[dict[str, Any]] = [yaml.safe_load(text) for text in TEXTS]
CHARACTERS = "{}[]:,&*!|>%@`'\"#-? \n\t0123456789.exabn~<=\x00\u2028\u00e9"
SNIPPETS = (
    "2001-13-45", "!!timestamp x", "!!int x", "!!float ''", "0b_", "0x_", "1:99:99", "&a [*a]", "<<: 1",
    "? [a]\n: b", "!!binary a", "!!python/object:os.system x", "9" * 5000, ".inf", "~", "!!set {a}", "0o9",
    "190:20:30", "!!bool x",
)  # fmt: skip
GROWTH_MB = 150
SLOWEST_SECONDS = 30.0


def mutated_tree(rng: random.Random) -> str:
    """A preset with other values."""
    tree = deepcopy(rng.choice(TREES))
    change(tree, rng)
    return yaml.safe_dump(tree, sort_keys=False)


def mutated_text(rng: random.Random) -> str:
    """A preset with other characters."""
    text = rng.choice(TEXTS)
    for _ in range(rng.randint(1, 5)):
        place, kind = rng.randrange(len(text) + 1), rng.randrange(4)
        if kind == 0:
            text = text[:place] + text[place + rng.randint(1, 30) :]
        elif kind == 1:
            text = text[:place] + "".join(rng.choices(CHARACTERS, k=rng.randint(1, 8))) + text[place:]
        elif kind == 2:
            source = rng.randrange(len(text) + 1)
            text = text[:place] + text[source : source + rng.randint(1, 60)] + text[place:]
        else:
            text = text[:place] + rng.choice(SNIPPETS) + text[place:]
    return text


def parsed(text: str) -> ModelConfig | None:
    """The config, or None if it was refused. Anything but our own error, or a long wait, ends the test."""
    began = time.monotonic()
    try:
        return parse_model_config(text, "here")
    except ConfigError:
        return None
    finally:
        assert time.monotonic() - began < SLOWEST_SECONDS


def run_fuzz(count: int, seed: int) -> int:
    """Parse `count` texts; returns how many were configs. What is taken must have figures and a layout."""
    rng, taken = random.Random(seed), 0
    with Growth(GROWTH_MB):
        for number in range(count):
            config = parsed((mutated_tree, mutated_text)[number % 2](rng))
            if config is not None:
                taken += 1
                check(config, layout=taken % 20 == 0)
    return taken


def check(config: ModelConfig, layout: bool) -> None:
    """What follows from a config can be told, and, if asked, its model laid out."""
    assert parse_model_config(config.to_yaml(), "again") == config
    assert config.streamable == (config.latency_ms is not None)
    assert config.receptive_field_samples is None or config.receptive_field_samples > 0
    assert config.bitrate_bps(1) > 0
    assert config.frames_for(10**6) > 0
    if layout:
        with torch.device("meta"):
            codec = SeanetCodec(config) if isinstance(config, SeanetCodecConfig) else Codec(config)
        assert parameters_of(codec).total > 0


def test_hundreds_of_odd_configs() -> None:
    assert 10 < run_fuzz(600, seed=1) < 300


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ninety_thousand_odd_configs() -> None:
    assert run_fuzz(92_000, seed=2) > 1000


@pytest.mark.parametrize(
    "text",
    [
        "sample_rate: 2001-13-45",
        "sample_rate: !!int x",
        "sample_rate: !!int ''",
        "sample_rate: !!bool x",
        "sample_rate: !!timestamp x",
        "sample_rate: " + "9" * 5000,
        "!!python/object:os.system x",
        "[" * 5000,
        "{a: " * 5000,
        "&a [*a]",
        "a: &a [1]\nb: *a",
        "\ud800",
    ],
)
def test_what_yaml_stumbles_over_is_refused(text: str) -> None:
    assert parsed(text) is None


def test_a_file_too_large_for_a_config_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text("family: seanet\n" + "# filling\n" * 10_000)
    with pytest.raises(ConfigError, match="is larger than 65536 bytes"):
        load_model_config(str(path))


def test_a_few_lines_that_stand_for_gigabytes_are_refused() -> None:
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert parsed("\n".join([*bomb, "family: *a9"])) is None


@pytest.mark.parametrize(
    "tree",
    [
        {"network": {"filters": 10**9}},
        {"network": {"time_ratios": [1024] * 8}},
        {"network": {"residual_units": 8, "dilation_base": 1000}},
        {"quantizer": {"codebooks": 64, "codebook_size": 65536, "dimension": 10**9}},
        {"sample_rate": 10**400},
        {"network": {"filters": 34, "encoder_group_ratio": 1}},
    ],
)
def test_sizes_beyond_any_use_are_refused(tree: dict[str, Any]) -> None:
    assert parsed(yaml.safe_dump({"family": "seanet", **tree})) is None


def test_a_layout_at_the_limits_takes_no_memory() -> None:
    network = {"filters": 8192, "time_ratios": [2, 2, 2], "kernel": 1024, "lstm_layers": 8}
    quantizer = {"codebooks": 64, "codebook_size": 65536, "dimension": 65536}
    text = yaml.safe_dump({"family": "seanet", "network": network, "quantizer": quantizer})
    config = parsed(text)
    assert config is not None
    assert figures_of(config).parameters.total > 10**12

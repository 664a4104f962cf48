"""The configs of all families: one YAML text, told apart by its `family`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from codec.config import CodecConfig, find_config, parse_yaml, read_text
from codec.seanet_config import SeanetCodecConfig

CONFIG_FILE = "config.yaml"

ModelConfig = CodecConfig | SeanetCodecConfig

_ANY: TypeAdapter[ModelConfig] = TypeAdapter(Annotated[ModelConfig, Field(discriminator="family")])


def parse_model_config(text: str, source: str) -> ModelConfig:
    """A config of any family from YAML text; `source` names it in errors.

    Raises `ConfigError` for YAML that does not parse, an unknown family or key, and values out of range.
    """
    return parse_yaml(_ANY.validate_python, text, source)


def load_model_config(name_or_path: str) -> ModelConfig:
    """A preset by its name, or a config by the path of its YAML file.

    Raises `ConfigError` if it is neither.
    """
    return parse_model_config(*find_config(name_or_path))


def read_model_config(path: Path) -> ModelConfig:
    """The config in a YAML file. Raises `ConfigError` as `parse_model_config` does, and `OSError`."""
    return parse_model_config(read_text(path), str(path))

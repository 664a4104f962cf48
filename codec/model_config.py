"""The configs of all families: one YAML text, told apart by its `family`."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from codec.config import CodecConfig, explain, presets
from codec.errors import ConfigError
from codec.seanet_config import SeanetCodecConfig

ModelConfig = CodecConfig | SeanetCodecConfig

_ANY: TypeAdapter[ModelConfig] = TypeAdapter(Annotated[ModelConfig, Field(discriminator="family")])


def parse_model_config(text: str, source: str) -> ModelConfig:
    """A config of any family from YAML text; `source` names it in errors.

    Raises `ConfigError` for YAML that does not parse, an unknown family or key, and values out of range.
    """
    try:
        return _ANY.validate_python(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is not YAML: {error}") from error
    except ValidationError as error:
        raise ConfigError(f"{source} is not a codec config; correct {explain(error)}") from error


def load_model_config(name_or_path: str) -> ModelConfig:
    """A preset by its name, or a config by the path of its YAML file.

    Raises `ConfigError` if it is neither.
    """
    shipped = presets()
    if name_or_path in shipped:
        return parse_model_config(shipped[name_or_path], f"preset {name_or_path}")
    path = Path(name_or_path)
    if not path.is_file():
        raise ConfigError(f"{name_or_path!r} is no file and no preset; presets: {', '.join(sorted(shipped))}")
    return parse_model_config(path.read_text(), str(path))

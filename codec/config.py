"""One strict, frozen config describes a whole model; an unknown key is an error."""

import math
from collections.abc import Callable
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from codec.errors import ConfigError

PositiveInt = Annotated[int, Field(gt=0)]
Parsed = TypeVar("Parsed")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SpectrumConfig(_Strict):
    """Causal short-time spectrum with compressed magnitude.

    `hop_samples`: step between spectra; `n_fft`: window and transform length; `compression`: exponent
    of the magnitude, 1 keeps the spectrum linear; `floor`: smallest magnitude told apart from silence.
    """

    n_fft: PositiveInt = 512
    hop_samples: PositiveInt = 160
    compression: Annotated[float, Field(gt=0, le=1)] = 0.5
    floor: Annotated[float, Field(gt=0)] = 1e-4

    @model_validator(mode="after")
    def _overlapping(self) -> "SpectrumConfig":
        if self.hop_samples * 2 > self.n_fft:
            raise ValueError("hop_samples must be at most half of n_fft, or the inverse has gaps")
        return self

    @property
    def bins(self) -> int:
        """Bins of a one-sided spectrum."""
        return self.n_fft // 2 + 1

    @property
    def overlap_samples(self) -> int:
        """Samples that a window shares with the past."""
        return self.n_fft - self.hop_samples


class NetworkConfig(_Strict):
    """Causal residual network at frame rate, for the encoder and, mirrored, for the decoder.

    `spectra_per_frame` spectra are stacked into one frame; `width` channels; `expansion`: width of a
    block's inner layer over its outer one; `kernel_frames`: reach of a block's depthwise convolution.
    """

    spectra_per_frame: PositiveInt = 2
    width: PositiveInt = 384
    expansion: PositiveInt = 2
    kernel_frames: PositiveInt = 7
    encoder_blocks: PositiveInt = 3
    decoder_blocks: PositiveInt = 5


class QuantizerConfig(_Strict):
    """Residual vector quantizer: `codebooks` stages of `codebook_size` entries of `dimension` numbers."""

    codebooks: Annotated[int, Field(gt=0, le=64)] = 32
    codebook_size: Annotated[int, Field(gt=1, le=65536)] = 1024
    dimension: PositiveInt = 64

    @property
    def bits_per_code(self) -> int:
        """Bits that one packed code takes."""
        return (self.codebook_size - 1).bit_length()


class CodecConfig(_Strict):
    """A whole codec: what turns audio into latent frames, how those are quantized, and back."""

    family: Literal["spectral"] = "spectral"
    sample_rate: PositiveInt = 16000
    channels: Literal[1] = 1
    spectrum: SpectrumConfig = SpectrumConfig()
    network: NetworkConfig = NetworkConfig()
    quantizer: QuantizerConfig = QuantizerConfig()

    @property
    def hop_samples(self) -> int:
        """Samples per latent frame."""
        return self.spectrum.hop_samples * self.network.spectra_per_frame

    @property
    def delay_samples(self) -> int:
        """Samples by which the decoded signal lags the end of the frame that completes it."""
        return self.spectrum.overlap_samples

    @property
    def frame_rate(self) -> Fraction:
        """Latent frames per second, exact."""
        return Fraction(self.sample_rate, self.hop_samples)

    @property
    def latency_ms(self) -> float:
        """Algorithmic latency of encode and decode together: one frame and the decoder's delay."""
        return 1000 * (self.hop_samples + self.delay_samples) / self.sample_rate

    def bitrate_bps(self, n_q: int) -> Fraction:
        """Bits per second of `n_q` codebooks, exact."""
        return self.frame_rate * n_q * self.quantizer.bits_per_code

    def frames_for(self, n_samples: int) -> int:
        """Frames that a flushed stream of `n_samples` gives: all that cover any of its samples."""
        return math.ceil((n_samples + self.delay_samples) / self.hop_samples)

    def to_yaml(self) -> str:
        """The config as YAML, every field written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def parse_config(text: str, source: str) -> CodecConfig:
    """A config from YAML text; `source` names it in errors.

    Raises `ConfigError` for YAML that does not parse, unknown keys and values out of range.
    """
    return parse_yaml(CodecConfig.model_validate, text, source)


def parse_yaml(validate: Callable[[object], Parsed], text: str, source: str) -> Parsed:
    """What `validate` makes of YAML text. Raises `ConfigError` for what either refuses."""
    try:
        return validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is not YAML: {error}") from error
    except ValidationError as error:
        raise ConfigError(f"{source} is not a codec config; correct {explain(error)}") from error


def read_config(path: Path) -> CodecConfig:
    """The config in a YAML file. Raises `ConfigError` as `parse_config` does, and `OSError`."""
    return parse_config(_read_text(path), str(path))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text; give the path of a YAML file") from error


def explain(error: ValidationError) -> str:
    """What a validation found, in one line: the path of each key and what is wrong with it."""
    found = (
        (".".join(map(str, item["loc"])) or "the whole", item["msg"].removeprefix("Value error, "))
        for item in error.errors(include_url=False)
    )
    return "; ".join(f"{place}: {problem}" for place, problem in found)


def presets() -> dict[str, str]:
    """Name and YAML text of every preset that ships with the library."""
    folder = resources.files("codec") / "presets"
    return {p.name.removesuffix(".yaml"): p.read_text() for p in folder.iterdir() if p.name.endswith(".yaml")}


def load_config(name_or_path: str) -> CodecConfig:
    """A preset by its name, or a config by the path of its YAML file.

    Raises `ConfigError` if it is neither.
    """
    return parse_config(*find_config(name_or_path))


def find_config(name_or_path: str) -> tuple[str, str]:
    """The text of a preset or of a YAML file, and what errors are to call it.

    Raises `ConfigError` if there is neither.
    """
    shipped = presets()
    if name_or_path in shipped:
        return shipped[name_or_path], f"preset {name_or_path}"
    path = Path(name_or_path)
    if not path.is_file():
        raise ConfigError(f"{name_or_path!r} is no file and no preset; presets: {', '.join(sorted(shipped))}")
    return _read_text(path), str(path)

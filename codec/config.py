"""One strict, frozen config describes a whole model; an unknown key is an error."""

import math
from collections import Counter
from collections.abc import Callable, Hashable
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from codec.errors import ConfigError

Rate = Annotated[int, Field(gt=0, le=2**20)]
"""Samples per second."""
Length = Annotated[int, Field(gt=0, le=2**31 - 1)]
"""In samples."""
Size = Annotated[int, Field(gt=0, le=2**16)]
"""What memory grows with, far beyond any use: the layout of the largest model can still be computed."""
Reach = Annotated[int, Field(gt=0, le=2**10)]
"""Likewise for kernels and strides."""
Count = Annotated[int, Field(gt=0, le=64)]
"""Likewise for layers, which take time to lay out."""

MAX_CONFIG_BYTES = 2**16

Parsed = TypeVar("Parsed")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SpectrumConfig(_Strict):
    """Causal short-time spectrum with compressed magnitude.

    `hop_samples`: step between spectra; `n_fft`: window and transform length; `compression`: exponent
    of the magnitude, 1 keeps the spectrum linear; `floor`: smallest magnitude told apart from silence.
    """

    n_fft: Size = 512
    hop_samples: Size = 160
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

    spectra_per_frame: Reach = 2
    width: Size = 384
    expansion: Reach = 2
    kernel_frames: Reach = 7
    encoder_blocks: Count = 3
    decoder_blocks: Count = 5


class QuantizerConfig(_Strict):
    """Residual vector quantizer: `codebooks` stages of `codebook_size` entries of `dimension` numbers."""

    codebooks: Annotated[int, Field(gt=0, le=64)] = 32
    codebook_size: Annotated[int, Field(gt=1, le=65536)] = 1024
    dimension: Size = 64

    @property
    def bits_per_code(self) -> int:
        """Bits that one packed code takes."""
        return (self.codebook_size - 1).bit_length()


class FactorisedQuantizerConfig(QuantizerConfig):
    """Residual vector quantizer whose stages look up in a projection to `code_dimension` numbers."""

    kind: Literal["factorised"]
    code_dimension: Size = 8


def _kind_of(quantizer: object) -> str:
    # The Euclidean quantizer has no `kind`: its fields are hashed into the token space of old versions.
    has_kind = "kind" in quantizer if isinstance(quantizer, dict) else hasattr(quantizer, "kind")
    return "factorised" if has_kind else "euclidean"


AnyQuantizerConfig = Annotated[
    Annotated[QuantizerConfig, Tag("euclidean")] | Annotated[FactorisedQuantizerConfig, Tag("factorised")],
    Discriminator(_kind_of),
]


class CodecConfig(_Strict):
    """A whole codec: what turns audio into latent frames, how those are quantized, and back."""

    family: Literal["spectral"] = "spectral"
    sample_rate: Rate = 16000
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

    @property
    def streamable(self) -> bool:
        """Every model of this family streams: nothing looks ahead or at the whole item."""
        return True

    @property
    def receptive_field_samples(self) -> int:
        """Input samples that a frame's codes depend on, its own hop included."""
        frames = 1 + self.network.encoder_blocks * (self.network.kernel_frames - 1)
        return frames * self.hop_samples + self.delay_samples

    @property
    def decoder_reach_frames(self) -> int:
        """Frames that the samples which a frame completes depend on, that frame included."""
        network = self.network
        overlapping = math.ceil(self.spectrum.overlap_samples / self.hop_samples)
        return 1 + network.decoder_blocks * (network.kernel_frames - 1) + overlapping

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


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, some lines of which can stand for gigabytes, and without a key given twice."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias (*); write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        keys = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, count in Counter((key.tag, key.value) for key in keys).items():
            if count > 1:
                raise yaml.YAMLError(f"it gives {key[1]} {count} times; keep one of them")
        return super().construct_mapping(node, deep)


def load_yaml(text: str, source: str) -> object:
    """The values of YAML text; `source` names it in errors.

    Raises `ConfigError` for what is no YAML, aliases, and keys given twice.
    """
    try:
        # Safe in spite of the name: the loader is a SafeLoader.
        return yaml.load(text, _PlainLoader)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:
        # Not all of PyYAML's errors are its own: a date in month 13, `!!int x`, lists a thousand deep.
        raise ConfigError(f"{source} is not YAML: {' '.join(str(error).split())}; correct it") from error


def parse_yaml(validate: Callable[[object], Parsed], text: str, source: str) -> Parsed:
    """What `validate` makes of YAML text. Raises `ConfigError` for what either refuses."""
    loaded = load_yaml(text, source)
    try:
        return validate(loaded)
    except ValidationError as error:
        raise ConfigError(f"{source} is not a codec config; correct {explain(error)}") from error


def read_text(path: Path) -> str:
    """The text of a config file. Raises `ConfigError` if it is no text, or too much of it, and `OSError`."""
    with path.open("rb") as file:
        content = file.read(MAX_CONFIG_BYTES + 1)
    if len(content) > MAX_CONFIG_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_CONFIG_BYTES} bytes; give the path of a config")
    try:
        return content.decode("utf-8")
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
    return read_text(path), str(path)

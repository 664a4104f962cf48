"""A published version as a codec ready to run, and a codec as files ready to publish."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from codec.entropy import TABLES_FILE, EntropyTables, load_tables
from codec.errors import RepositoryError
from codec.golden import CODES_FILE, INPUT_FILE, TOLERANCE, Golden, read_golden, write_golden
from codec.manifest import GoldenVectors, Manifest, ManifestDraft
from codec.model import Codec
from codec.model_config import CONFIG_FILE, ModelConfig, read_model_config
from codec.quantizer import ResidualQuantizer
from codec.repository import find_version
from codec.seanet_model import SeanetCodec
from codec.seanet_stream import SeanetStream
from codec.streaming import StreamingCodec
from codec.tokens import TokenFormat, TokenIdentity
from codec.version import read_manifest
from codec.weights import AnyCodec, load_weights, save_weights, token_space_of

WEIGHTS_FILE = "model.safetensors"


@dataclass(frozen=True, slots=True)
class LoadedCodec:
    """A codec with what its version says about it.

    `stream`: the codec in steps, None for a model that cannot stream; `tables`: for entropy coding, if the
    version has them.
    """

    codec: AnyCodec
    stream: StreamingCodec | None
    manifest: Manifest
    golden: Golden
    tables: EntropyTables | None = None

    @property
    def identity(self) -> TokenIdentity:
        """What tokens of this version carry."""
        return TokenIdentity(self.manifest.name, self.manifest.version, self.manifest.token_space)

    @property
    def token_format(self) -> TokenFormat:
        """How codes of this version relate to audio."""
        return self.manifest.token_format


def load_codec(version_dir: Path) -> LoadedCodec:
    """The codec in the folder of a version, in float32 on the CPU.

    Raises `RepositoryError` if a file is missing or damaged, or if manifest, config and codebooks disagree,
    and `ConfigError` for a config that is none. Digests are `Repository.verify`'s business.
    """
    manifest = read_manifest(version_dir)
    try:
        config = read_model_config(version_dir / CONFIG_FILE)
    except OSError as error:
        raise RepositoryError(f"{CONFIG_FILE} cannot be read: {error}; publish the version again") from error
    codec = load_weights(config, version_dir / WEIGHTS_FILE)
    token_space = token_space_of(codec)
    if token_space != manifest.token_space or manifest.token_format != token_format_of(config):
        raise RepositoryError(
            f"{version_dir}: manifest and weights disagree on the token space; publish the version again"
        )
    golden = read_golden(version_dir, config)
    return LoadedCodec(ready(codec), stream_of(codec), manifest, golden, _tables_of(version_dir, config))


def _tables_of(version_dir: Path, config: ModelConfig) -> EntropyTables | None:
    """The tables of a version, if it has any."""
    path = version_dir / TABLES_FILE
    if not path.exists():
        return None
    tables = load_tables(path)
    wanted = (config.quantizer.codebooks, config.quantizer.codebook_size)
    if (tables.codebooks, tables.codebook_size) != wanted:
        raise RepositoryError(f"{TABLES_FILE} are those of another model; publish the version again")
    return tables


def ready(codec: AnyCodec) -> AnyCodec:
    """The codec with what only training needs taken out; it can no longer be saved or trained."""
    if isinstance(codec, SeanetCodec):
        codec.fold_weight_norm()
        # The layout in which convolutions over frequency and time are fastest; other tensors have only one.
        codec.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for module in codec.modules():
        if isinstance(module, ResidualQuantizer):
            module.freeze()
    return codec


def stream_of(codec: AnyCodec) -> StreamingCodec | None:
    """The codec in steps, or None if it needs the whole item."""
    if isinstance(codec, Codec):
        return codec
    return SeanetStream(codec) if codec.config.streamable else None


def open_codec(reference: str, repository: Path) -> LoadedCodec:
    """The codec that `name`, `name@channel`, `name@version` or a version's folder means, digests checked.

    Raises `NotFoundError` and `RepositoryError` as `find_version` and `load_codec` do.
    """
    return load_codec(find_version(reference, repository))


def token_format_of(config: ModelConfig) -> TokenFormat:
    """How the codes of a config's models relate to audio."""
    return TokenFormat(config.sample_rate, config.hop_samples, config.quantizer.codebook_size)


def write_files(
    codec: AnyCodec, golden_audio: Tensor, folder: Path, dtype: torch.dtype = torch.float16
) -> None:
    """Write weights, config and golden vectors for publishing, and rebuild the golden codes from the files.

    `golden_audio`: `[1, channel, sample]`; `dtype`: as which the weights are stored. The golden codes are
    those of the weights as rounded on disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(codec, folder / WEIGHTS_FILE, dtype)
    (folder / CONFIG_FILE).write_text(codec.config.to_yaml())
    write_golden(ready(load_weights(codec.config, folder / WEIGHTS_FILE)), golden_audio, folder)


def draft_manifest(
    codec: AnyCodec,
    name: str,
    description: str = "",
    licence: str = "",
    metrics: dict[str, float] | None = None,
) -> ManifestDraft:
    """What is to be said of a codec when it is published as `name`."""
    config = codec.config
    return ManifestDraft(
        name=name,
        token_space=token_space_of(codec),
        sample_rate=config.sample_rate,
        channels=config.channels,
        hop_samples=config.hop_samples,
        frame_rate=(config.frame_rate.numerator, config.frame_rate.denominator),
        codebooks=config.quantizer.codebooks,
        codebook_size=config.quantizer.codebook_size,
        causal=config.streamable,
        receptive_field_samples=config.receptive_field_samples,
        delay_samples=config.delay_samples,
        latency_ms=config.latency_ms,
        golden=GoldenVectors(
            input=INPUT_FILE, codes=CODES_FILE, n_q=config.quantizer.codebooks, tolerance=TOLERANCE
        ),
        metrics=metrics or {},
        description=description,
        licence=licence,
    )

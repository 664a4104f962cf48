"""The manifest of a published model version: what it is, what it needs, and the digest of every file."""

import hashlib
import json
import re
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from codec.errors import RepositoryError
from codec.tokens import MAX_CODEBOOK_SIZE, MAX_CODEBOOKS, MAX_HOP_SAMPLES, MAX_SAMPLE_RATE, TokenFormat

MANIFEST_NAME = "manifest.json"
MAX_MANIFEST_BYTES = 2**20
MAX_FILES = 1000

_COMPONENT = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}"
_FILE_NAME = rf"^{_COMPONENT}(/{_COMPONENT}){{0,3}}$"
_NAME = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,47}$"
_VERSION = r"^[1-9][0-9]{0,8}-[0-9a-f]{12}$"

FileName = Annotated[str, Field(pattern=_FILE_NAME)]
"""Path of a file inside a version, with `/` between folders; no component starts with a dot."""
ModelName = Annotated[str, Field(pattern=_NAME)]
VersionName = Annotated[str, Field(pattern=_VERSION)]
Positive = Annotated[int, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class FileEntry(_Strict):
    """Size in bytes and SHA-256, in lower-case hexadecimal, of a file of a version."""

    size_bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class GoldenVectors(_Strict):
    """A recorded encode that a loaded model must reproduce.

    `input` and `codes` name files of the version; `n_q`: codebooks of the codes; `tolerance`: largest share
    of codes that may differ, 0 for exact.
    """

    input: FileName
    codes: FileName
    n_q: Positive
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.0


class ManifestDraft(_Strict):
    """What the publisher says about a model; the repository adds version, time and files.

    `token_space`: hash over codebooks, quantizer config and frame rate; `frame_rate`: numerator and
    denominator in lowest terms; `causal`: whether it streams, exactly; `receptive_field_samples`: input
    samples that a frame depends on, None for all; `delay_samples`: decoded samples that precede sample 0;
    `latency_ms`: None for models that need the whole item; `metrics`: measured figures by name.
    """

    name: ModelName
    token_space: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]
    sample_rate: Annotated[int, Field(gt=0, le=MAX_SAMPLE_RATE)]
    channels: Positive
    hop_samples: Annotated[int, Field(gt=0, le=MAX_HOP_SAMPLES)]
    frame_rate: tuple[Positive, Positive]
    codebooks: Annotated[int, Field(gt=0, le=MAX_CODEBOOKS)]
    codebook_size: Annotated[int, Field(ge=2, le=MAX_CODEBOOK_SIZE)]
    causal: bool
    receptive_field_samples: Positive | None
    delay_samples: Annotated[int, Field(ge=0)]
    latency_ms: Annotated[float, Field(ge=0)] | None
    golden: GoldenVectors | None = None
    metrics: dict[str, float] = {}
    description: str = ""
    licence: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        exact = Fraction(self.sample_rate, self.hop_samples)
        if self.frame_rate != (exact.numerator, exact.denominator):
            raise ValueError(
                f"frame_rate must be {exact.numerator}/{exact.denominator}: sample_rate / hop_samples"
            )
        if self.golden is not None and self.golden.n_q > self.codebooks:
            raise ValueError(f"golden n_q must be at most {self.codebooks}, the codebooks of the model")
        return self

    @property
    def token_format(self) -> TokenFormat:
        """How the model's codes relate to audio."""
        return TokenFormat(self.sample_rate, self.hop_samples, self.codebook_size)


class Manifest(ManifestDraft):
    """The whole manifest; `files` lists every file of the version but the manifest itself."""

    schema_version: Literal[1] = 1
    version: VersionName
    created: AwareDatetime
    files: Annotated[dict[FileName, FileEntry], Field(max_length=MAX_FILES)]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if MANIFEST_NAME in self.files:
            raise ValueError(f"{MANIFEST_NAME} cannot list itself")
        golden = () if self.golden is None else (self.golden.input, self.golden.codes)
        if missing := [name for name in golden if name not in self.files]:
            raise ValueError(f"golden vectors {', '.join(missing)} are not among the files")
        if self.version.partition("-")[2] != content_digest(self, self.files):
            raise ValueError("the digest in the version does not belong to this content")
        return self

    def to_json(self) -> str:
        """The manifest as JSON, keys in a fixed order."""
        return self.model_dump_json(indent=2) + "\n"


def content_digest(draft: ManifestDraft, files: dict[str, FileEntry]) -> str:
    """The 12 hexadecimal digits of a version: SHA-256 over what was said and which bytes were published.

    Canonical JSON of the draft's fields and of the files; equal content gives equal digits whenever and
    as whichever number it is published.
    """
    said = draft.model_dump(mode="json", include=set(ManifestDraft.model_fields))
    there = {name: entry.model_dump(mode="json") for name, entry in files.items()}
    canonical = json.dumps([said, there], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def parse_manifest(content: bytes, source: str) -> Manifest:
    """A manifest from JSON; `source` names it in errors.

    Raises `RepositoryError` for JSON that does not parse, unknown or missing keys and values out of range.
    """
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise RepositoryError(f"{source} is no valid manifest; publish the model again: {error}") from error


def is_model_name(name: str) -> bool:
    """Whether a name may be a model's: up to 48 letters, digits, `.`, `_`, `-`, the first no `.` or `-`."""
    return re.fullmatch(_NAME[1:-1], name) is not None


def is_version_name(name: str) -> bool:
    """Whether a name has the form of a version: a number, a dash and 12 hexadecimal digits."""
    return re.fullmatch(_VERSION[1:-1], name) is not None


def is_file_name(name: str) -> bool:
    """Whether a relative path may be a file of a version."""
    return re.fullmatch(_FILE_NAME[1:-1], name) is not None

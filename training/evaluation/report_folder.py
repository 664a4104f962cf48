"""The folder of a report: what `codecd eval` writes, and `codecd publish` ships beside the model."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from codec.errors import ConfigError

JSON_NAME, MARKDOWN_NAME, SCORES_NAME = "report.json", "report.md", "scores.csv"
PLOT_NAMES = ("rate_quality.png", "rate_quality.svg")

_RATE_NAME = "payload_bps"


class _Mean(BaseModel):
    mean: float


class _Codec(BaseModel):
    label: str
    family: str
    means: dict[str, _Mean]


class _Content(BaseModel):
    """The part of `report.json` that is read again."""

    model: str
    weights_sha256: str
    metrics: dict[str, object]
    codecs: tuple[_Codec, ...]


@dataclass(frozen=True, slots=True)
class ReportFolder:
    """A report that was read again.

    `files`: what goes with a model, values of single recordings left out; `weights_sha256`: of the weights
    that it is about; `metrics`: bitrate and means by `metric, n_q N`.
    """

    files: tuple[Path, ...]
    weights_sha256: str
    metrics: dict[str, float]


def read_report(folder: Path) -> ReportFolder:
    """The report in a folder. Raises `ConfigError` if there is none, or one of another version of codecd."""
    path = folder / JSON_NAME
    if not path.is_file():
        raise ConfigError(f"{folder} has no {JSON_NAME}; name the folder that codecd eval wrote")
    try:
        content = _Content.model_validate_json(path.read_bytes())
    except ValidationError as error:
        keys = ", ".join(sorted({".".join(map(str, item["loc"])) for item in error.errors()}))
        raise ConfigError(f"{path} is no report of this codecd ({keys}); run codecd eval again") from error
    there = (folder / name for name in (JSON_NAME, MARKDOWN_NAME, *PLOT_NAMES))
    return ReportFolder(tuple(p for p in there if p.is_file()), content.weights_sha256, _metrics(content))


def _metrics(content: _Content) -> dict[str, float]:
    wanted = {_RATE_NAME, *content.metrics}
    return {
        f"{name}, {codec.label.removeprefix(codec.family + ', ')}": value.mean
        for codec in content.codecs
        if codec.family == content.model
        for name, value in codec.means.items()
        if name in wanted
    }

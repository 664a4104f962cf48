"""The figures of README.md are those of the reports that it names."""

import json
from typing import Any

import pytest

from tests.support import REPOSITORY_ROOT

README = (REPOSITORY_ROOT / "README.md").read_text()
MODELS = (REPOSITORY_ROOT / "docs" / "models.md").read_text()
(REPORT,) = (REPOSITORY_ROOT / "models/stream_16k/versions").glob("*/report.json")

QUALITY = {
    "kbit/s": "payload_bps",
    "PESQ-wb": "pesq_wb",
    "STOI": "stoi",
    "ViSQOL speech": "visqol_speech_exponential_v333",
    "ViSQOL audio": "visqol_audio_svr_v333",
    "phone errors": "phone_error_rate",
}


def rows(text: str, first: str, second: str) -> list[dict[str, str]]:
    """The table whose first columns have these names."""
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {first} | {second} |"))
    names = [cell.strip() for cell in lines[start].strip("|").split("|")]
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        found.append(dict(zip(names, cells, strict=True)))
    return found


def agree(told: str, real: float) -> bool:
    """Whether a figure is the other one with fewer digits."""
    decimals = len(told.partition(".")[2])
    return bool(abs(float(told) - real) <= 0.5001 / 10**decimals)


def label_of(codec: str) -> str:
    """What the report calls a row of the README."""
    model, _, rest = codec.partition(", ")
    if model != "stream_16k":
        return codec.replace(",", "")
    return f"{model}, n_q {rest.split()[0]}"


def test_quality_is_that_of_the_report() -> None:
    report: dict[str, Any] = json.loads(REPORT.read_text())
    means = {codec["label"]: codec["means"] for codec in report["codecs"]}
    table = rows(README, "codec", "kbit/s")
    assert len(table) == len(means)
    for row in table:
        for column, key in QUALITY.items():
            real = means[label_of(row["codec"])][key]["mean"]
            if key == "payload_bps":
                real /= 1000
            assert agree(row[column], real), (row["codec"], column, real)


@pytest.mark.parametrize("row", rows(README, "model", "parameters"), ids=lambda row: row["model"])
def test_speed_is_that_of_the_page_of_models(row: dict[str, str]) -> None:
    (real,) = [each for each in rows(MODELS, "preset", "parameters") if each["preset"] == row["model"]]
    assert agree(row["parameters"].removesuffix(" M"), int(real["parameters"].replace(",", "")) / 1e6)
    work = float(real["G MAC/s encode"]) + float(real["decode"])
    assert agree(row["G MAC a second of audio"], work)
    assert agree(row["encode, x real time"], float(real["encode x real time"]))
    assert agree(row["decode, x real time"], float(real["decode x real time"]))
    assert row["latency"] == real["latency"]

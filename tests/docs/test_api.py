"""docs/api.md says what the code does: endpoints, errors, limits."""

import re
from pathlib import Path

import pytest

from proto.codec.v1 import codec_pb2
from service.config import Limits, ServeConfig
from service.frontend.http_request import MAX_TIMEOUT_SECONDS
from service.frontend.rate import DEFAULT_N_Q
from service.status import ANSWERS, Condition
from tests.support import REPOSITORY_ROOT

PAGE = (REPOSITORY_ROOT / "docs" / "api.md").read_text()
STREAMING = (REPOSITORY_ROOT / "docs" / "streaming.md").read_text()


def table(heading: str, *columns: str) -> list[dict[str, str]]:
    """The rows of the table under a heading whose columns begin so; backticks are left out."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith(heading + "\n")]
    lines = text.splitlines()
    (start,) = [n for n, line in enumerate(lines) if line.startswith("| " + " | ".join(columns) + " |")]
    names = _cells(lines[start])
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(names, _cells(line), strict=True)))
    return rows


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]


def test_the_table_of_errors_is_the_one_of_the_code() -> None:
    told = {
        (row["code"], int(row["HTTP"]), row["gRPC"], row["again?"] == "yes")
        for row in table("Errors", "code", "HTTP")
    }
    real = {
        (condition.name.lower(), answer.http_status, answer.grpc_code.name, answer.retry)
        for condition, answer in ANSWERS.items()
    }
    assert told == real
    assert len(told) == len(Condition)


def test_close_codes_of_the_websocket_are_conditions() -> None:
    (row,) = re.findall(r"^\| (4400.*?) \|", STREAMING, re.MULTILINE)
    statuses = {int(code) - 4000 for code in row.split(", ")}
    told_otherwise = {413, 499, 500, 503}
    assert statuses == {answer.http_status for answer in ANSWERS.values()} - told_otherwise


def test_all_limits_and_their_defaults_are_told() -> None:
    told = {row["field"]: row["default"] for row in table("Limits", "field", "default", "of")}
    assert told == {
        name: f"{value:,g}" if isinstance(value, float) else f"{value:,}" for name, value in Limits()
    }


def test_settings_of_the_service_have_the_defaults_that_are_told(tmp_path: Path) -> None:
    told = {row["field"]: row["default"] for row in table("Limits", "field", "default", "option")}
    config = ServeConfig(repository=tmp_path)
    for name, default in told.items():
        value = getattr(config, name)
        assert default == (value if isinstance(value, str) else f"{value:,g}"), name
    left_out = set(ServeConfig.model_fields) - set(told)
    of_their_own = {"repository", "admin_port", "models", "channels", "workers", "limits", "keys", "tls"}
    assert left_out == of_their_own | {"caller_limits", "devices", "allowed_origins", "ledger"}


def test_rules_with_numbers() -> None:
    assert f"{DEFAULT_N_Q} codebooks, or all" in PAGE
    assert f"1..{1000 * MAX_TIMEOUT_SECONDS:,.0f}" in PAGE


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        (
            "service/frontend/app.py",
            r'"(/(?:encode|decode|reconstruct|batch|stream|models|capacity|health)[a-z/{}]*)"',
        ),
        ("service/admin/app.py", r'@app\.\w+\("(/[^"]+)"'),
    ],
)
def test_every_path_is_told(source: str, pattern: str) -> None:
    paths = set(re.findall(pattern, (REPOSITORY_ROOT / source).read_text())) - {"/health/"}
    assert len(paths) >= 6
    assert not [path for path in sorted(paths) if not re.search(rf"[ `]{re.escape(path)}`", PAGE)]


def test_every_method_is_told() -> None:
    services = codec_pb2.DESCRIPTOR.services_by_name.values()
    methods = [method.name for service in services for method in service.methods]
    assert len(methods) == 9
    assert not [name for name in methods if f"`{name}`" not in PAGE]

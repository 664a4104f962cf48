"""OpenTelemetry is loaded where the environment names a collector, and nowhere else."""

import os
import subprocess
import sys

import pytest

_SCRIPT = """
import logging, sys
import service.frontend.frontend
from service.frontend.spans import open_tracing
logging.basicConfig(level=logging.INFO)
if "hidden" in sys.argv:
    sys.modules["opentelemetry.sdk.trace"] = None
print(open_tracing() is not None, "opentelemetry.sdk.trace.export" in sys.modules)
"""


def said(*arguments: str, **environment: str) -> tuple[str, str]:
    """What a process says that opens tracing in this environment, and its log."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *arguments],
        env=clean | environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip(), done.stderr


def test_without_a_collector_nothing_is_loaded() -> None:
    assert said()[0] == "False False"


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_a_collector_switches_it_on_and_the_standard_switch_off(name: str) -> None:
    endpoint = {name: "http://127.0.0.1:9"}
    assert said(**endpoint)[0] == "True True"
    assert said(**endpoint, OTEL_SDK_DISABLED="true")[0] == "False False"


def test_where_it_is_not_installed_the_log_says_so() -> None:
    answer, log = said("hidden", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert answer == "False False"
    assert "install codecd[otel]" in log

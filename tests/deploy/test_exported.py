"""What rules, dashboard, autoscaler and probes ask for is what a running service tells."""

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.deploy.image import inherited
from tests.deploy.load import Load, serving
from tests.deploy.manifests import base, dashboard_queries, rules, scaling_queries, server
from tests.support import REPOSITORY_ROOT

_STATISTICS_SECONDS = 10.0
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count", ""), "gauge": ("",)}
_PARTS = ("_bucket", "_sum", "_count")
_NOT_ALWAYS = {"codec_cuda_graph_steps_total", "codec_gpu_memory_bytes", "codec_worker_failed_total"}
# Prometheus adds these itself.
_ADDED = {"job", "instance"}


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    with serving(tmp_path_factory.mktemp("deploy")) as load:
        load.round()
        yield load


@pytest.fixture(scope="module")
def exported(load: Load) -> dict[str, set[str]]:
    """The labels of everything that is exported, by name; no labels where there are no samples yet."""
    began = time.monotonic()
    # Workers send their statistics about once a second.
    while "codec_worker_steps_total" not in (text := load.metrics()):
        assert time.monotonic() - began < _STATISTICS_SECONDS
        time.sleep(0.1)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for suffix in _SUFFIXES[family.type]:
            found.setdefault(family.name + suffix, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_metric_that_is_asked_for_is_exported(exported: dict[str, set[str]]) -> None:
    queries = [*(rule["expr"] for rule in rules()), *dashboard_queries(), *scaling_queries()]
    asked = {name for query in queries for name in re.findall(r"\b(?:codec|process)_\w+", query)}
    assert len(asked) > 20
    assert sorted(asked - exported.keys()) == []


def test_what_supervisor_and_worker_tell_arrives(exported: dict[str, set[str]]) -> None:
    assert {"model", "channel"} <= exported["codec_registry_last_success_timestamp_seconds"]
    assert {"model", "version", "worker", "stage"} <= exported["codec_model_load_seconds"]


def test_the_page_about_metrics_knows_all_of_them_and_no_others(exported: dict[str, set[str]]) -> None:
    text = (REPOSITORY_ROOT / "docs" / "metrics.md").read_text()
    explained = set(re.findall(r"`(codec_\w+)`", text))
    told = {name for name in exported if name.startswith("codec_") and not name.endswith(_PARTS)}
    assert sorted(told - explained) == []
    assert sorted(explained - told) == sorted(_NOT_ALWAYS)


def test_every_label_that_is_asked_for_is_set(exported: dict[str, set[str]]) -> None:
    queries = [*(rule["expr"] for rule in rules()), *dashboard_queries(), *scaling_queries()]
    wrong = [
        (name, label)
        for query in queries
        for name, matchers in re.findall(r"\b((?:codec|process)_\w+)\{([^}]*)\}", query)
        for label in re.findall(r"(\w+)\s*=", matchers)
        if exported[name] and label not in exported[name] | _ADDED
    ]
    assert wrong == []


def test_probes_are_answered(load: Load) -> None:
    (container,) = server(base())["spec"]["containers"]
    paths = [container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")]
    paths += re.findall(r"127\.0\.0\.1:\d+(/[\w/]+)", inherited("cpu", "HEALTHCHECK"))
    assert len(paths) == 4
    assert {path: httpx.get(load.url + path).status_code for path in paths} == dict.fromkeys(paths, 200)

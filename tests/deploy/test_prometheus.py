"""A real Prometheus watches a real service, and answers all that rules, dashboard and autoscaler ask."""

import shutil
import time
from pathlib import Path

import pytest

from tests.deploy.load import serving
from tests.deploy.manifests import as_grafana_asks, dashboard_queries, rules, scaling_queries
from tests.deploy.prometheus import prometheus

ROUNDS = 6
PAUSE_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
# What a healthy service does not count; the queries are asked all the same.
EMPTY_WHEN_WELL = ("load_failures", "reload_failures")

pytestmark = pytest.mark.slow


@pytest.mark.timeout(300)
def test_everything_that_is_asked_has_an_answer(tmp_path: Path) -> None:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("needs prometheus (Debian: apt-get install prometheus)")
    queries = [as_grafana_asks(query) for query in [*dashboard_queries(), *scaling_queries()]]
    (tmp_path / "service").mkdir()
    with serving(tmp_path / "service") as load, prometheus(program, load.metrics_target, tmp_path) as server:
        for _ in range(ROUNDS):
            load.round()
            time.sleep(PAUSE_SECONDS)
        began = time.monotonic()
        while empty := [query for query in queries if not server.query(query)]:
            unexpected = [q for q in empty if not any(name in q for name in EMPTY_WHEN_WELL)]
            if not unexpected:
                break
            assert time.monotonic() - began < PATIENCE_SECONDS, "\n".join(unexpected)
            load.round()
            time.sleep(1.0)
        asked = server.rules()
        assert len(asked) == len(rules())
        assert [rule for rule in asked if rule["health"] != "ok"] == []
        assert [rule["name"] for rule in asked if rule.get("state") == "firing"] == []
        recorded = {rule["record"] for rule in rules() if "record" in rule}
        assert {name for name in recorded if server.query(name)} == recorded

"""Alert rules and dashboard: explained, without loose ends, with labels that the service really sets."""

import re

import pytest

from service.frontend.metrics import OK, code_of
from service.status import Condition
from tests.deploy.manifests import dashboard, dashboard_queries, rules, scaling_queries
from tests.support import REPOSITORY_ROOT

ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = {rule["record"] for rule in rules() if "record" in rule}
RUNBOOK = "docs/operations.md"
SECTION_PARTS = ("means", "look", "do")


def queries() -> list[str]:
    return [*(rule["expr"] for rule in rules()), *dashboard_queries(), *scaling_queries()]


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_is_the_matter_and_where_to_read_on(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert len(alert["annotations"]["summary"]) > 10
    assert alert["annotations"]["runbook"] == f"{RUNBOOK}#{name.lower()}"


@pytest.mark.parametrize("name", ALERTS)
def test_the_runbook_says_what_an_alert_means_and_what_to_do(name: str) -> None:
    sections = re.split(r"^### ", (REPOSITORY_ROOT / RUNBOOK).read_text(), flags=re.MULTILINE)
    (section,) = [section for section in sections if section.startswith(f"{name}\n")]
    assert [part for part in SECTION_PARTS if f"*{part}*" not in section.lower()] == []


def test_the_runbook_knows_no_other_alerts() -> None:
    text = (REPOSITORY_ROOT / RUNBOOK).read_text()
    assert set(re.findall(r"^### (Codecd\w+)$", text, re.MULTILINE)) == ALERTS.keys()


def test_what_is_asked_for_is_recorded_and_the_other_way_round() -> None:
    used = {name for query in queries() for name in re.findall(r"\bcodec:[\w:]+", query)}
    assert used == RECORDED


def test_conditions_are_spelt_as_the_service_spells_them() -> None:
    known = {code_of(condition) for condition in Condition} | {OK}
    asked = {
        value
        for query in queries()
        for text in re.findall(r"\b(?:code|reason)=~?\"([^\"$]+)\"", query)
        for value in text.split("|")
    }
    assert asked
    assert asked <= known


def test_panels_do_not_overlap_and_say_what_they_show() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + line)
            for column in range(place["w"])
            for line in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(column for column, _ in cells) < 24
        taken |= cells
        assert panel["type"] == "row" or len(panel["description"]) > 5, panel["title"]


def test_panels_have_ids_of_their_own_and_the_chosen_data_source() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    sources = {panel["datasource"]["uid"] for panel in panels if panel["type"] != "row"}
    assert sources == {"${datasource}"}
    variables = {variable["name"] for variable in dashboard()["templating"]["list"]}
    asked = {name for query in dashboard_queries() for name in re.findall(r"\$(\w+)", query)}
    assert asked - {"__rate_interval"} < variables

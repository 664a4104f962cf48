"""Every line of the log is a JSON object that names its process."""

import json
import logging
import sys
from contextvars import Context, copy_context

import pytest

from service.logs import JsonFormatter, configure_logging
from service.request_context import CALLER, TRACE_ID, begin_request


def test_a_record_is_one_line_of_json_with_its_extras() -> None:
    record = logging.makeLogRecord({"name": "a.b", "msg": "two\nlines %d", "args": (3,), "levelno": 30,
                                    "levelname": "WARNING", "worker": "w1"})  # fmt: skip
    # Outside of all requests, whatever ran in this process before.
    line = Context().run(JsonFormatter("supervisor").format, record)
    assert "\n" not in line
    entry = json.loads(line)
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "warning", "process": "supervisor", "logger": "a.b", "message": "two\nlines 3",
        "worker": "w1",
    }  # fmt: skip


def test_a_record_names_the_request_that_it_belongs_to_and_its_caller() -> None:
    def line() -> dict[str, object]:
        begin_request("r-7")
        CALLER.set("voice-team")
        TRACE_ID.set("0af7651916cd43dd8448eb211c80319c")
        entry: dict[str, object] = json.loads(JsonFormatter("frontend").format(logging.makeLogRecord({})))
        return entry

    entry = copy_context().run(line)
    assert (entry["request_id"], entry["caller"]) == ("r-7", "voice-team")
    assert entry["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


def test_an_exception_is_part_of_the_line() -> None:
    try:
        raise ValueError("no good")
    except ValueError:
        record = logging.makeLogRecord({"msg": "failed", "exc_info": sys.exc_info()})
    assert "no good" in json.loads(JsonFormatter("w1").format(record))["exception"]


def test_all_logs_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure_logging("w7")
        logging.getLogger("anything").info("hello")
        captured = capsys.readouterr()
        assert (captured.out, json.loads(captured.err)["process"]) == ("", "w7")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

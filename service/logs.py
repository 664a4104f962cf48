"""Structured logs: one JSON object per line on standard error, never audio, tokens or keys."""

import json
import logging
import sys
import time
from typing import Any

from service.request_context import CALLER, REQUEST_ID, TRACE_ID

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """A record as JSON: time, level, process, logger, message, the id and the trace of the request that it
    belongs to, if any, and whatever `extra` was given."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        milliseconds = int(record.msecs)
        entry: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{milliseconds:03d}Z",
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := REQUEST_ID.get():
            entry["request_id"] = request_id
        if caller := CALLER.get():
            entry["caller"] = caller
        if trace_id := TRACE_ID.get():
            entry["trace_id"] = trace_id
        entry |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def configure_logging(process: str, level: int = logging.INFO) -> None:
    """Send all logs of this process to standard error; `process` names it in every line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process))
    logging.basicConfig(level=level, handlers=[handler], force=True)

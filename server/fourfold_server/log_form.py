"""The form of the log on stderr: lines for people, or one JSON object a line for machines."""

import json
import logging
import os
import sys
from datetime import UTC, datetime

from fourfold_config.settings import Log, SettingsError, load_settings
from fourfold_tools.telemetry import FIELDS

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

_CHATTY = ("mcp", "uvicorn", "sse_starlette")


class JsonLines(logging.Formatter):
    """`{"time", "level", "logger", "message"}`, what a record carries beside (`run`, `step` …), and `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def log_to_stderr(told: Log) -> None:
    """Log to stderr, which is never the wire; called again it changes level and form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if told.json_lines else logging.Formatter(_TEXT))
    logging.basicConfig(level=told.level.upper(), handlers=[handler], force=True)
    for name in _CHATTY:  # of every request and session, with the session's id
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def log_as_the_environment_says() -> None:
    """Until files of settings are read; a variable that cannot be used is told then."""
    try:
        told = load_settings(env=os.environ).log
    except SettingsError:
        told = load_settings(env={}).log
    log_to_stderr(told)

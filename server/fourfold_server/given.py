"""What a command was given: the JSON object of a file or of standard input."""

import json
import sys
from pathlib import Path
from typing import Any, cast

from fourfold_server.ends import bad

_SHAPE = {
    "steps": '{"steps": […]}, see `fourfold batch --help`',
    "tasks": '{"tasks": […]}, see `fourfold plan --help`',
}
_COMMAND = {"steps": "batch", "tasks": "plan"}


def object_in(file: str, key: str) -> dict[str, Any] | int:
    """The JSON object of a file or of standard input; an exit code, with the fault told, where it is none."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        request: Any = json.loads(text)
    except OSError as exc:
        return bad(f"{file}: {exc.strerror}; FILE holds {_SHAPE[key]}, - reads standard input")
    except (UnicodeDecodeError, json.JSONDecodeError) as exc:
        return bad(f"{file}: not JSON: {exc}")
    if not isinstance(request, dict):
        return bad(f"{file}: expected an object with `{key}`, got {type(request).__name__}: {_SHAPE[key]}")
    [other] = set(_SHAPE) - {key}
    if other in request and key not in request:
        return bad(f"{file}: it holds `{other}`: say `fourfold {_COMMAND[other]} {file}`")
    return cast("dict[str, Any]", request)

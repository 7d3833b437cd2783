"""A permission lab: a home, a policy folder and a project, with rules written into their settings files."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from fourfold_tools.model.effects import Effects
from fourfold_tools.model.request import AnyStep, Step
from fourfold_tools.ops.permissions.decide import Permissions, Verdict
from fourfold_tools.ops.permissions.sources import Places
from fourfold_tools.ops.workspace import Workspace

Scope = Literal["managed", "user", "project", "local"]
NO_EFFECTS = Effects()
_STEPS: TypeAdapter[AnyStep] = TypeAdapter(Step)


def step(**arguments: Any) -> AnyStep:
    return _STEPS.validate_python(arguments)


class Lab:
    """A home, a policy folder and a project, with the rules written into their settings files."""

    def __init__(self, root: Path) -> None:
        self.home, self.etc, self.project = root / "home", root / "etc", root / "proj"
        for folder in (self.home / ".claude", self.etc, self.project / ".claude"):
            folder.mkdir(parents=True)
        self.files: dict[Scope, Path] = {
            "managed": self.etc / "managed-settings.json",
            "user": self.home / ".claude" / "settings.json",
            "project": self.project / ".claude" / "settings.json",
            "local": self.project / ".claude" / "settings.local.json",
        }
        self.workspace = Workspace(self.project)
        places = Places.of(self.workspace.cwd, {"HOME": str(self.home)})
        self.permissions = Permissions(self.workspace, replace(places, managed=str(self.etc)))

    def write(self, scope: Scope, **permissions: object) -> None:
        new = self.files[scope].with_suffix(".new")
        new.write_text(json.dumps({"permissions": permissions}), encoding="utf-8")
        os.replace(new, self.files[scope])

    def put(self, *names: str, text: str = "TOKEN\n") -> None:
        for name in names:
            path = self.project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def at(self, name: str) -> str:
        return os.path.normpath(self.project / name)

    def check(self, effects: Effects = NO_EFFECTS, **arguments: Any) -> Verdict:
        return self.permissions.check(step(**arguments), effects)

    def bash(self, command: str, reads: tuple[str, ...] = (), writes: tuple[str, ...] = (), **more: Any) -> str:
        known = more.pop("known", True)
        effects = Effects(frozenset(map(self.at, reads)), frozenset(map(self.at, writes)), known)
        return self.check(effects, op="bash", command=command, **more).decision

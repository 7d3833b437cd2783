"""A held rule: one rule of one settings file, compiled, and whether it is about what a step does."""

from dataclasses import dataclass
from typing import Literal

from fourfold_tools.ops.permissions.bash_rules import CommandPattern, command_patterns
from fourfold_tools.ops.permissions.domains import DomainPattern, domain_pattern
from fourfold_tools.ops.permissions.paths import PathPattern, path_patterns
from fourfold_tools.ops.permissions.rules import Rule
from fourfold_tools.ops.permissions.sources import Places, SettingsFile
from fourfold_tools.ops.permissions.uses import CommandUse, FileUse, HostUse, Use

Effect = Literal["deny", "ask", "allow"]
_FILE_TOOLS = ("Read", "NotebookRead", "Grep", "Glob", "LS", "Edit", "Write", "MultiEdit", "NotebookEdit")


@dataclass(frozen=True, slots=True)
class HeldRule:
    """A rule with its settings file's shown name; a specifier that its tool does not know compiles to nothing."""

    rule: Rule
    source: str
    effect: Effect
    paths: tuple[PathPattern, ...] = ()
    commands: tuple[CommandPattern, ...] = ()
    domain: DomainPattern | None = None

    @classmethod
    def compile(cls, rule: Rule, effect: Effect, file: SettingsFile, places: Places) -> "HeldRule":
        if rule.specifier is None:
            return cls(rule, file.shown, effect)
        return cls(
            rule,
            file.shown,
            effect,
            path_patterns(
                rule.specifier,
                anchor=file.anchor,
                home=places.home,
                cwds=tuple(dict.fromkeys((places.cwd, places.project))),
                allow=effect == "allow",
            )
            if rule.names(_FILE_TOOLS)
            else (),
            command_patterns(rule.specifier) if rule.names(("Bash",)) else (),
            domain_pattern(rule.specifier) if rule.names(("WebFetch",)) else None,
        )

    @property
    def fault(self) -> str:
        """Why the rule can never match, "" when it can."""
        bad = self.rule.tool == "WebFetch" and self.rule.specifier is not None and self.domain is None
        return f"{self.source}: {self.rule.text} matches nothing; expected WebFetch(domain:HOST)" if bad else ""

    def judge(self, use: Use) -> bool | None:
        """Whether the rule is about the use: True, False, None where that cannot be known before it runs."""
        match use:
            case FileUse():
                return self._judge_file(use)
            case CommandUse():
                return self._judge_command(use)
            case HostUse():
                return self._judge_host(use)

    def _judge_file(self, use: FileUse) -> bool | None:
        if self.rule.specifier is None:
            return use.bare and self.rule.names(use.tools)
        if not self.rule.names(use.tools) and not (self.effect == "deny" and self.rule.names(use.guards)):
            return False
        meant = [any(p.covers(path) if use.tree else p.matches(path) for p in self.paths) for path in use.paths]
        if self.effect == "allow":
            return use.certain and all(meant)
        return any(meant) and (True if use.certain else None)

    def _judge_command(self, use: CommandUse) -> bool | None:
        if not self.rule.names(("Bash",)):
            return False
        if self.rule.specifier is None:
            return True
        if self.effect == "allow":
            return all(
                text is not None and any(p.matches(text) for p in self.commands) for text in use.spellings.plain
            )
        judged = {pattern.judge(use.spellings) for pattern in self.commands}
        return True if True in judged else None if None in judged else False

    def _judge_host(self, use: HostUse) -> bool | None:
        if not self.rule.names(("WebFetch",)):
            return False
        if self.rule.specifier is None:
            return True
        if self.domain is None:
            return False
        return self.domain.matches(use.host) if use.host is not None else None

"""The options of git's reading verbs: exact names only, because git takes any unambiguous beginning of one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fourfold_tools.ops.shell.arguments import may_be_option, names
from fourfold_tools.ops.shell.syntax import Word

_FORMAT_RUNS = re.compile(r"%G|%\(signature")  # gpg verifies

_DIFF = names(
    "--stat --numstat --shortstat --dirstat --summary --name-only --name-status --patch --no-patch --raw --unified"
    " --patch-with-stat --patch-with-raw --compact-summary --color --no-color --color-words --word-diff"
    " --word-diff-regex --color-moved --no-color-moved --ignore-all-space --ignore-space-change --ignore-blank-lines"
    " --ignore-space-at-eol --ignore-cr-at-eol --minimal --patience --histogram --diff-algorithm --anchored --text"
    " --no-renames --find-renames --find-copies --find-copies-harder --diff-filter --pickaxe-all --pickaxe-regex"
    " --relative --no-relative --exit-code --quiet --full-index --abbrev --no-abbrev --binary --inter-hunk-context"
    " --function-context --no-ext-diff --no-textconv --src-prefix --dst-prefix --no-prefix --default-prefix"
    " --line-prefix --ignore-submodules --submodule --ws-error-highlight --no-indent-heuristic --indent-heuristic"
    " --ita-invisible-in-index --skip-to --rotate-to --merge-base --cached --staged --check --ours --theirs --base"
)
_LOG = _DIFF | names(
    "--oneline --graph --no-graph --decorate --no-decorate --decorate-refs --decorate-refs-exclude --all --branches"
    " --tags --remotes --glob --exclude --since --after --until --before --author --committer --grep --all-match"
    " --invert-grep --regexp-ignore-case --extended-regexp --basic-regexp --fixed-strings --perl-regexp --merges"
    " --no-merges --first-parent --max-count --skip --reverse --topo-order --date-order --author-date-order --date"
    " --relative-date --pretty --format --abbrev-commit --no-abbrev-commit --follow --full-history --simplify-merges"
    " --simplify-by-decoration --ancestry-path --left-right --left-only --right-only --cherry-pick --cherry-mark"
    " --cherry --boundary --walk-reflogs --no-walk --do-walk --parents --children --source --show-pulls --log-size"
    " --notes --no-notes --mailmap --no-mailmap --use-mailmap --min-parents --max-parents --no-min-parents"
    " --no-max-parents --not --encoding --expand-tabs --no-expand-tabs --cc --diff-merges --no-diff-merges"
    " --full-diff --sparse --dense --ignore-missing --reflog --clear-decorations --combined-all-paths"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """When a verb only reads. long: options; `short`: letters; `sticky`: letters whose value may follow at once.

    operands: `any`; `none`; `listing`: only after an option that makes the verb a listing, and none without one;
    or the names of which the first operand has to be one (`list`, `show`), where it may also have none if "" is
    among them.
    """

    long: frozenset[str] = frozenset()
    short: str = ""
    sticky: str = ""
    operands: Literal["any", "none", "listing"] | tuple[str, ...] = "any"
    listing: frozenset[str] = frozenset()

    def allows(self, words: Sequence[Word]) -> bool:
        """Whether a call with these words certainly only reads."""
        given: set[str] = set()
        operands: list[Word] = []
        for i, word in enumerate(words):
            if _FORMAT_RUNS.search(word.raw):
                return False
            if word.literal == "--":
                operands += words[i + 1 :]
                break
            if not word.prefix.startswith("-") and not may_be_option(word):
                operands.append(word)
            elif word.many or not self._knows(word, given):
                return False
        return self._takes(operands, given)

    def _knows(self, word: Word, given: set[str]) -> bool:
        text = word.prefix
        if text.startswith("--"):
            name, equals, _ = text.partition("=")
            given.add(name)
            return name in self.long and (bool(equals) or word.text is not None)
        for letter in text[1:]:
            given.add(letter)
            if letter in self.sticky:
                return True
            if letter not in self.short and not letter.isdigit():
                return False
        return word.text is not None

    def _takes(self, operands: Sequence[Word], given: set[str]) -> bool:
        if self.operands == "any":
            return True
        if self.operands in ("none", "listing"):
            return not operands or bool(given & self.listing)
        return (operands[0].literal if operands else "") in self.operands


_SHORT = "puswbazrtmcRWDiEFPgdq"
_STICKY = "nUSGMCBlLX"
_log = Reading(_LOG, _SHORT, _STICKY)
_diff = Reading(_DIFF, _SHORT, _STICKY)
_plumbing = Reading(_LOG | names("--root --stdin --no-commit-id --always"), _SHORT, _STICKY)
_blame = Reading(
    names(
        "--root --show-stats --line-porcelain --porcelain --show-name --show-number --show-email --abbrev --date"
        " --color-lines --color-by-age --minimal --first-parent --encoding --ignore-rev --since --reverse"
    ),
    "bltsewnfcp",
    "LMC",
)
_CONTAINS = names("--contains --no-contains --merged --no-merged --points-at --list")
_REF_LIST = _CONTAINS | names("--sort --format --color --no-color --column --no-column --ignore-case --omit-empty")

READING: dict[str, Reading] = {
    "log": _log,
    "show": _log,
    "whatchanged": _log,
    "diff": _diff,
    "diff-tree": _plumbing,
    "diff-index": _plumbing,
    "diff-files": _plumbing,
    "cherry": Reading(names("--abbrev"), "v"),
    "rev-list": Reading(
        _LOG | names("--objects --count --header --timestamp --disk-usage --stdin --unpacked"), _SHORT, "n"
    ),
    "reflog": Reading(_LOG, _SHORT, _STICKY, ("", "show")),
    "stash": Reading(_LOG | names("--include-untracked --only-untracked"), _SHORT, _STICKY, ("list", "show")),
    "status": Reading(
        names(
            "--short --branch --porcelain --long --verbose --show-stash --ahead-behind --no-ahead-behind --column"
            " --no-column --untracked-files --ignored --ignore-submodules --renames --no-renames"
            " --find-renames --null"
        ),
        "sbvz",
        "uM",
    ),
    "rev-parse": Reading(
        names(
            "--abbrev-ref --short --verify --quiet --symbolic --symbolic-full-name --all --branches --tags --remotes"
            " --git-dir --absolute-git-dir --git-common-dir --git-path --show-toplevel --show-prefix --show-cdup"
            " --show-superproject-working-tree --is-inside-work-tree --is-inside-git-dir --is-bare-repository"
            " --is-shallow-repository --show-object-format --local-env-vars --revs-only --no-revs --flags --no-flags"
            " --default --since --until --after --before --path-format --disambiguate --show-ref-format --not"
        ),
        "q",
    ),
    "ls-files": Reading(
        names(
            "--cached --deleted --modified --others --ignored --stage --unmerged --killed --directory --eol"
            " --no-empty-directory --deduplicate --exclude --exclude-from --exclude-per-directory --exclude-standard"
            " --error-unmatch --full-name --abbrev --format --resolve-undo --sparse --with-tree --debug"
        ),
        "cdmoiskuztvf",
        "xX",
    ),
    "ls-tree": Reading(
        names("--long --name-only --name-status --object-only --full-name --full-tree --abbrev --format"), "drtlz"
    ),
    "cat-file": Reading(
        names("--batch --batch-check --batch-all-objects --unordered --follow-symlinks --buffer --filter"), "tsepzZ"
    ),
    "blame": _blame,
    "annotate": _blame,
    "grep": Reading(
        names(
            "--cached --untracked --exclude-standard --no-exclude-standard --text --ignore-case --max-depth"
            " --recursive --no-recursive --word-regexp --invert-match --full-name --extended-regexp --basic-regexp"
            " --perl-regexp"
            " --fixed-strings --line-number --column --files-with-matches --name-only --files-without-match --null"
            " --only-matching --count --color --no-color --break --heading --show-function --context --after-context"
            " --before-context --function-context --max-count --threads --and --or --not --all-match --quiet"
        ),
        "aiIrwvhHEGPFnlLzocpqW",
        "ABCmefd",
    ),
    "describe": Reading(
        names(
            "--all --tags --contains --abbrev --candidates --exact-match --debug --long --match --exclude --always"
            " --first-parent"
        )
    ),
    "shortlog": Reading(
        names(
            "--summary --numbered --email --committer --group --no-merges --merges --all --branches --since --until"
            " --after --before --author --format --date --first-parent"
        ),
        "snec",
    ),
    "branch": Reading(
        _REF_LIST | names("--all --remotes --verbose --show-current --abbrev --no-abbrev"),
        "arvi",
        operands="listing",
        listing=_CONTAINS,
    ),
    "tag": Reading(_REF_LIST, "il", "n", operands="listing", listing=_CONTAINS | names("l n")),
    "remote": Reading(names("--verbose --all --push"), "v", operands=("", "get-url")),
    "worktree": Reading(names("--porcelain --verbose"), "vz", operands=("list",)),
    "merge-base": Reading(names("--all --octopus --independent --is-ancestor --fork-point"), "a"),
    "name-rev": Reading(names("--tags --refs --exclude --all --name-only --no-undefined --always")),
    "for-each-ref": Reading(
        _REF_LIST | names("--count --exclude --include-root-refs --shell --perl --python --tcl --stdin"), "sp"
    ),
    "show-ref": Reading(
        names("--head --heads --branches --tags --dereference --hash --abbrev --quiet --verify --exists"), "dsq"
    ),
    "count-objects": Reading(names("--verbose --human-readable"), "vH", operands="none"),
    "check-ignore": Reading(names("--quiet --verbose --stdin --non-matching --no-index"), "qvnz"),
    "check-attr": Reading(names("--all --cached --stdin --source"), "az"),
    "var": Reading(short="l"),
    "version": Reading(names("--build-options"), operands="none"),
    "help": Reading(operands="none"),
}

"""Examples: what the help of each command shows at its end."""

ALL = """\
examples:
  fourfold batch steps.json            run a batch, as an agent would
  echo '{"steps":[{"op":"grep","pattern":"TODO"}]}' | fourfold batch -
  fourfold runs                        the last runs
  fourfold watch                       what is running now, in every server
  fourfold report r-8kq2 --open        a run (or a plan) as a page in the browser
  fourfold show r-8kq2                 one run, step by step
  fourfold show r-8kq2/tests           the whole output of one step
  fourfold audit ~/.claude/projects    what batches would have saved in past conversations
  fourfold verify r-8kq2 --full        what did running it in parallel gain?
  fourfold doctor                      is everything in place?
  fourfold register --scope project    add fourfold to Claude Code
  fourfold serve --http 8123           serve several clients over Streamable HTTP
"""

BY_COMMAND = {
    "serve": """\
examples:
  fourfold serve                       on standard input and output: what Claude Code starts
  fourfold serve --http 8123           on http://127.0.0.1:8123/mcp, for several clients at once
  FOURFOLD_HTTP__TOKEN=$(openssl rand -hex 32) fourfold serve --http 8123
  FOURFOLD_HTTP__HOSTS='["build.example"]' fourfold serve --http 0.0.0.0:8123

Over HTTP every request needs the header `Authorization: Bearer TOKEN`. The token is the setting http.token (your
settings file, or the variable FOURFOLD_HTTP__TOKEN); without one it is made anew and shown on standard error. There
is no flag for it, because everybody on the machine can read the arguments of a process. The workspace is the folder
that the server is started in, and what the settings add.

exit codes: 0 the client left or a signal came, 2 it cannot listen there or a setting is wrong, 130 interrupted (HTTP)
""",
    "batch": """\
examples:
  fourfold batch steps.json
  fourfold batch --json - < steps.json | jq .steps[].state

FILE holds what the tool `batch` takes:
  {"steps": [{"id": "hits", "op": "grep", "pattern": "def main", "mode": "files"},
             {"op": "read", "path": {"from": "hits", "field": "paths", "each": true}, "limit": 40}]}

exit codes: 0 every step ok, 1 some step was not, 2 the request is wrong, 130 interrupted
""",
    "plan": """\
examples:
  fourfold plan tasks.json
  fourfold plan --json tasks.json | jq -r '.headless[].command' | sh      with `claude -p`, one after the other

FILE holds what the tool `plan` takes:
  {"goal": "Audit the payment module", "tasks": [
     {"id": "api", "title": "Review the API layer", "reads": ["src/api/**"], "writes": ["reports/api.md"]},
     {"id": "sum", "title": "Write the summary", "reads": ["reports/*.md"], "writes": ["summary.md"]}]}

exit codes: 0 planned, 1 refused for want of context, 2 the request is wrong
""",
    "runs": """\
examples:
  fourfold runs                        the last 20, newest first
  fourfold runs -n 3
  fourfold runs --json | jq -r .[0].run
""",
    "show": """\
examples:
  fourfold show r-8kq2                 one run, step by step
  fourfold show r-8kq2/tests           the whole output of one step
  fourfold show r-8kq2 --json | jq .steps[].state

exit codes: 0 shown, 2 no such run or step
""",
    "audit": """\
examples:
  fourfold audit ~/.claude/projects    every conversation that Claude Code has recorded
  fourfold audit talk.jsonl --html audit.html
  fourfold audit ~/.claude/projects --json | jq .turns_saved

exit codes: 0 audited, 1 some file could not be read, 2 no such file or folder
""",
    "verify": """\
examples:
  fourfold verify r-8kq2               a sample of its steps once more, alone
  fourfold verify r-8kq2 --full        every step that may be repeated
  fourfold verify r-8kq2 --full --budget 30

exit codes: 0 verified, 1 INVALID, 2 no such run
""",
    "doctor": """\
examples:
  fourfold doctor
  fourfold doctor --json | jq -r '.[] | select(.state != "ok") | .hint'

exit codes: 0 nothing is broken, 1 something is
""",
    "waiting": """\
examples:
  fourfold waiting                     prints nothing where nothing waits
""",
    "register": """\
examples:
  fourfold register                    for you, in this folder
  fourfold register --scope project    for everybody who has the project: .mcp.json
  fourfold register --scope user       for you, in every folder
  fourfold register --http http://127.0.0.1:8123/mcp
  fourfold register --dry-run          only the line for `claude mcp add`

exit codes: those of `claude mcp add`; 2 where there is no `claude`
""",
}

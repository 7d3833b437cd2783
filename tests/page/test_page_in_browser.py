"""The pages in a real browser: no serious fault of accessibility, and only the page's own script runs."""

import html
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import anyio
import pytest
from browser import chromium
from pypdf import PdfReader
from report_samples import make_pages
from scripted_claude import node_file

from fourfold_tools.page.document import view

pytestmark = pytest.mark.node
RUN = """
addEventListener("load", async () => {
  const found = {};
  for (const mode of ["light", "dark"]) {
    document.documentElement.dataset.theme = mode;
    for (const part of document.querySelectorAll("details")) { part.open = true; }
    const { violations } = await axe.run();
    found[mode] = violations.map((v) => [v.id, v.impact, v.nodes.map((n) => n.target + ": " + n.failureSummary)]);
  }
  document.body.innerHTML = "<pre id=found></pre>";
  document.getElementById("found").textContent = JSON.stringify(found);
});
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {page.stem: page for page in anyio.run(make_pages, tmp_path_factory.mktemp("pages"))}


def dom(page: Path, profile: Path, *flags: str) -> str:
    command = [*chromium(str(profile)), "--virtual-time-budget=20000", *flags, "--dump-dom", page.as_uri()]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8", timeout=120).stdout


@pytest.mark.parametrize("name", ["run", "plan", "plan-half-way", "audit"])
def test_axe_finds_no_serious_fault_in_light_and_dark(pages: dict[str, Path], name: str, tmp_path: Path) -> None:
    text = pages[name].read_text(encoding="utf-8")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    probe = tmp_path / "probe.html"
    script = f"<script>{node_file('axe-core/axe.min.js').read_text(encoding='utf-8')}</script><script>{RUN}</script>"
    probe.write_text(text.replace("</body>", f"{script}</body>"), encoding="utf-8")
    told = re.search(r'<pre id="found">(.*?)</pre>', dom(probe, tmp_path / "profile"), re.DOTALL)
    assert told is not None
    found: dict[str, list[Any]] = json.loads(html.unescape(told[1]))
    assert sorted(found) == ["dark", "light"]
    assert [fault for mode in found.values() for fault in mode if fault[1] in {"serious", "critical"}] == []


def test_the_pages_own_script_runs_under_its_policy_and_hostile_text_does_not(
    pages: dict[str, Path], tmp_path: Path
) -> None:
    shown = dom(pages["run"], tmp_path / "profile")
    theme = re.search(r'<button id="theme"[^>]*>', shown)
    assert theme is not None
    assert "hidden" not in theme[0]  # the script took the attribute away
    assert "<img" not in shown
    assert "onerror=alert(1)&gt;" in shown  # it is there, as text


def test_a_script_that_is_not_the_pages_own_is_refused(pages: dict[str, Path], tmp_path: Path) -> None:
    page = tmp_path / "foreign.html"
    foreign = "<script>document.title = 'taken over'</script>"
    text = pages["run"].read_text(encoding="utf-8").replace("</body>", f"{foreign}</body>")
    page.write_text(text, encoding="utf-8")
    assert "<title>taken over</title>" not in dom(page, tmp_path / "profile")


PAPER_PX = (714, 950)  # a letter or A4 sheet within the page's margins, at the 96 dots an inch that CSS has
MEASURE = """
addEventListener("load", () => {
  for (const part of document.querySelectorAll("details")) { part.open = true; }
  const tall = [...document.querySelectorAll(".gantt, .card, tr, .faults li")];
  const cut = [...document.querySelectorAll(".wrap, pre, .panel, .figures div")];
  const out = [...document.querySelectorAll("td, th, dd, pre, h1, li, p")];
  const found = {
    higher: tall.filter((e) => e.getBoundingClientRect().height > innerHeight).length,
    cut: cut.filter((e) => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1).length,
    wider: out.filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.textContent),
    beside: [...document.querySelectorAll("svg text:not(.inside)")]
      .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.textContent),
    rows: document.querySelectorAll(".bar").length,
  };
  document.body.innerHTML = "<pre id=found></pre>";
  document.getElementById("found").textContent = JSON.stringify(found);
});
"""


@pytest.mark.parametrize("name", ["run", "plan"])
def test_nothing_of_a_printed_page_is_cut_off_or_taller_than_a_sheet(
    pages: dict[str, Path], name: str, tmp_path: Path
) -> None:
    """The printed style on a window of a sheet's size; a drawing that is taller would be cut in two."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", pages[name].read_text(encoding="utf-8"))
    assert "@media print" in text
    probe = tmp_path / "probe.html"
    text = text.replace("@media print", "@media all").replace("</body>", f"<script>{MEASURE}</script></body>")
    probe.write_text(text, encoding="utf-8")
    width, height = PAPER_PX
    shown = dom(probe, tmp_path / "profile", f"--window-size={width},{height}", "--hide-scrollbars")
    told = re.search(r'<pre id="found">(.*?)</pre>', shown, re.DOTALL)
    assert told is not None
    found = json.loads(html.unescape(told[1]))
    assert found.pop("rows") >= 16
    assert found == {"higher": 0, "cut": 0, "wider": [], "beside": []}


def test_a_run_of_forty_steps_prints_on_a_few_sheets_with_every_row(pages: dict[str, Path], tmp_path: Path) -> None:
    sheet = tmp_path / "run.pdf"
    command = [*chromium(str(tmp_path / "profile")), "--no-pdf-header-footer", f"--print-to-pdf={sheet}"]
    subprocess.run([*command, pages["run"].as_uri()], check=True, capture_output=True, timeout=120)
    printed = [page.extract_text() for page in PdfReader(sheet).pages]
    assert 4 <= len(printed) <= 8
    whole = " ".join(" ".join(printed).split())
    assert all(f"heads.{number} " in whole for number in range(1, 19))  # of the table
    assert "The four lines as printed" in whole
    assert "image needs build" in whole  # of a part that is folded on the screen


HOST = """
const view = document.createElement("iframe");
const said = [];
addEventListener("message", ({ data }) => {
  const answer = (result) => view.contentWindow.postMessage({ jsonrpc: "2.0", id: data.id, result }, "*");
  said.push(data.method);
  if (data.method === "ui/initialize") { answer({ protocolVersion: "2026-01-26", hostContext: { theme: "dark" } }); }
  if (data.method === "ui/notifications/initialized") {
    const params = { content: [{ type: "text", text: "run r-abcd \u00b7 2 steps" }] };
    view.contentWindow.postMessage({ jsonrpc: "2.0", method: "ui/notifications/tool-result", params }, "*");
  }
  if (data.method === "resources/read") {
    answer({ contents: [{ uri: data.params.uri, text: REPORT }] });
    setTimeout(() => {
      const inside = view.contentDocument;
      const bars = inside.querySelectorAll(".bar a").length;
      const theme = inside.documentElement.dataset.theme;
      const found = [data.params.uri, inside.querySelector("h1").textContent, bars, theme, said[0]];
      document.body.innerHTML = "<pre id=found></pre>";
      document.getElementById("found").textContent = JSON.stringify(found);
    }, 500);
  }
});
view.srcdoc = VIEW;
document.body.append(view);
"""


def test_the_view_of_an_apps_host_shows_the_report_that_an_answer_names(
    pages: dict[str, Path], tmp_path: Path
) -> None:
    report, host = pages["run"].read_text(encoding="utf-8"), tmp_path / "host.html"
    data = f"const REPORT = {in_script(report)}; const VIEW = {in_script(view('1'))};"
    host.write_text(f"<meta charset=utf-8><body><script>{data}{HOST}</script></body>", encoding="utf-8")
    told = re.search(r'<pre id="found">(.*?)</pre>', dom(host, tmp_path / "profile"), re.DOTALL)
    assert told is not None
    uri, heading, bars, theme, first = json.loads(html.unescape(told[1]))
    assert uri == "fourfold://runs/r-abcd/report.html"
    assert heading.startswith("r-")
    assert bars > 15
    assert (theme, first) == ("dark", "ui/initialize")


def in_script(text: str) -> str:
    return json.dumps(text).replace("<", "\\u003c")

"""The table: figures as Markdown, and where it is kept."""

from pathlib import Path

from case import Case, Figure

RESULTS = Path(__file__).parent / "results.md"
_INTRO = """# Results

Each row is the median of paired figures; the floor was taken in the same run. `python bench/run.py --write` puts a
table here, newest first.
"""


def table(figures: list[Figure]) -> str:
    rows = [
        "| work | floor | floor ms | ours ms | figure (min–max) | target |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*rows, *(_row(figure) for figure in figures)])


def _row(figure: Figure) -> str:
    row = figure.row
    against = row.floor_name if isinstance(row, Case) else row.says
    cells = [row.name, against, _ms(figure.floor_ms), _ms(figure.ours_ms), _value(figure), _target(figure)]
    return "| " + " | ".join([cell.replace("|", "\\|") for cell in cells]) + " |"


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _value(figure: Figure) -> str:
    if figure.why:
        return f"not measured: {figure.why}"
    if isinstance(figure.row, Case):
        sign, unit = ("", "") if figure.row.figure == "ratio" else ("+", " ms")
    else:
        sign, unit = "", f" {figure.row.unit}".rstrip()
    digits = 2 if unit == "" or figure.middle < 100 else 0
    if unit == "" and not isinstance(figure.row, Case):
        digits = 4
    middle, low, high = (f"{value:.{digits}f}" for value in (figure.middle, figure.low, figure.high))
    return f"{sign}{middle}{unit} ({low}–{high})"


def _target(figure: Figure) -> str:
    row = figure.row
    if row.target is None:
        return ""
    at_least = not isinstance(row, Case) and row.at_least
    text = f"{'≥' if at_least else '≤'} {row.target:.3g}"
    if isinstance(row, Case):
        text = f"{text} ms" if row.figure == "extra ms" else text
        text += "" if row.never is None else f", never > {row.never:.3g}"
    else:
        text = f"{text} {row.unit}".rstrip()
    return f"{text} **met**" if figure.met else text


def write(text: str) -> None:
    """Put a section on top of the results."""
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else _INTRO
    head, _, rest = old.partition("\n## ")
    RESULTS.write_text(f"{head.rstrip()}\n\n{text}" + (f"\n## {rest}" if rest else ""), encoding="utf-8")

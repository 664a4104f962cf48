"""Markdown tables on standard output, and, if asked, in a file."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from training.markdown_table import markdown_table


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table under a heading."""
    lines = markdown_table(columns, [[_cell(cell) for cell in row] for row in rows])
    return "\n".join([f"### {title}", "", *lines]) + "\n"


def show(text: str, out: Path | None) -> None:
    """Print a table and append it to `out` if there is one."""
    print(text, flush=True)
    if out:
        with out.open("a") as file:
            file.write(text + "\n")


def grow(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], out: Path | None
) -> list[Sequence[object]]:
    """Write a table row by row as they come, so that what ends early keeps what it has; returns the rows."""
    show(table(title, columns, []).removesuffix("\n"), out)
    done = []
    for row in rows:
        show(markdown_table(columns, [[_cell(cell) for cell in row]])[-1], out)
        done.append(row)
    show("", out)
    return done


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

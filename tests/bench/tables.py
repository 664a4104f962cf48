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


class GrowingTable:
    """A table that is shown row by row, so that a run which is cut short leaves what it had."""

    def __init__(self, title: str, columns: Sequence[str], out: Path | None) -> None:
        self._columns = columns
        self._out = out
        show(table(title, columns, []).rstrip("\n"), out)

    def add(self, row: Sequence[object]) -> None:
        """Show one row more."""
        show(markdown_table(self._columns, [[_cell(cell) for cell in row]])[-1], self._out)

    def end(self) -> None:
        """Leave a line free, which ends a table."""
        show("", self._out)


def grow(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], out: Path | None
) -> list[Sequence[object]]:
    """Write a table row by row as they come; returns the rows."""
    growing = GrowingTable(title, columns, out)
    done = []
    for row in rows:
        growing.add(row)
        done.append(row)
    growing.end()
    return done


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

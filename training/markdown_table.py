"""Tables of reports, in Markdown."""

from collections.abc import Sequence


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """The lines of a table; bars and line ends in a cell do not break it."""
    lines = [columns, *rows]
    written = ["| " + " | ".join(map(_cell, line)) + " |" for line in lines]
    return [written[0], "|" + "---|" * len(columns), *written[1:]]


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")

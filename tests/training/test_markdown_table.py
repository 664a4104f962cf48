"""Tables stay tables whatever stands in a cell."""

from training.markdown_table import markdown_table


def test_a_table_has_a_head_a_rule_and_a_line_for_every_row() -> None:
    assert markdown_table(["a", "b"], [[1, "x"], [2.5, "y"]]) == [
        "| a | b |",
        "|---|---|",
        "| 1 | x |",
        "| 2.5 | y |",
    ]


def test_bars_and_line_ends_stay_in_their_cell() -> None:
    assert markdown_table(["a"], [["x|y\nz"]])[2] == "| x\\|y z |"

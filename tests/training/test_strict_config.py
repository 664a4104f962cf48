"""Sections of a recipe take what they know and nothing else."""

import math

import pytest
from pydantic import ValidationError

from training.strict_config import StrictConfig


class Section(StrictConfig):
    widths: tuple[int, ...] = (1,)
    rate: float = 0.5


def test_a_section_is_frozen_and_takes_the_lists_of_yaml() -> None:
    section = Section.model_validate({"widths": [2, 3]})
    assert section == Section(widths=(2, 3))
    with pytest.raises(ValidationError, match="frozen"):
        section.rate = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("wrong", [{"width": [1]}, {"rate": math.nan}, {"rate": math.inf}, {"widths": ["a"]}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Section.model_validate(wrong)

"""The section `data` of a recipe."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from training.data_config import DataConfig


def test_sources_are_one_place_or_several() -> None:
    assert DataConfig(train=Path("a")).train == Path("a")
    several = DataConfig.model_validate({"train": ["a", "b"]})
    assert several.train == (Path("a"), Path("b"))
    assert DataConfig.model_validate(several.model_dump(mode="json")) == several


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"gain_db": [3, -3]}, "lower bound comes first"),
        ({"noise": {"snr_db": [30, 5]}}, "lower bound comes first"),
        ({"noise": {"colour": "brown"}}, "white"),
        ({"noise": {"share": 1.5}}, "less than or equal to 1"),
        ({"band_limit": {"cutoff_hz": [0, 100]}}, "greater than 0"),
        ({"train": []}, "at least 1 item"),
        ({"workers": -1}, "greater than or equal to 0"),
    ],
)
def test_what_makes_no_sense_is_refused(section: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        DataConfig.model_validate(section)

"""The way back along the versions that answered for a channel."""

import pytest
from pydantic import ValidationError

from codec.served import Served

ONE, TWO, THREE = "1-aaaaaaaaaaaa", "2-bbbbbbbbbbbb", "3-cccccccccccc"


def after(*versions: str) -> Served:
    served = Served()
    for generation, version in enumerate(versions, 1):
        served = served.after(version, generation)
    return served


def test_every_step_back_leads_further_back() -> None:
    assert Served().before(ONE) == ""
    served = after(ONE, TWO, THREE)
    assert (served.versions, served.generation) == ((ONE, TWO, THREE), 3)
    assert served.before(THREE) == TWO
    served = served.after(TWO, 4)
    assert served.before(TWO) == ONE, "going back twice must not lead to what was left"
    served = served.after(ONE, 5)
    assert served.before(ONE) == ""
    assert served.after(THREE, 6).before(THREE) == ONE


def test_what_serves_is_the_way_back_from_what_does_not() -> None:
    assert after(ONE, TWO).before(THREE) == TWO
    assert after(ONE, TWO).before(ONE) == TWO


def test_the_same_version_again_is_no_step() -> None:
    again = after(ONE, TWO, TWO)
    assert (again.versions, again.generation) == ((ONE, TWO), 3)


def test_the_oldest_are_forgotten() -> None:
    versions = [f"{number}-aaaaaaaaaaaa" for number in range(1, 41)]
    assert after(*versions).versions == tuple(versions[8:])


def test_a_file_is_read_as_it_was_written_and_nonsense_is_not() -> None:
    served = after(ONE, TWO)
    assert Served.model_validate_json(served.model_dump_json()) == served
    with pytest.raises(ValidationError):
        Served.model_validate_json('{"versions": ["../../etc"], "generation": 1}')

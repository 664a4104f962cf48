"""Programs: there or not, and what they complain about."""

import pytest

from codec.errors import ConfigError, InvalidAudioError
from training.evaluation.coders.program import check_programs, run_program


def test_output_is_returned() -> None:
    assert run_program(["tr", "a", "b"], b"banana") == b"bbnbnb"


def test_a_failure_tells_what_the_program_said() -> None:
    with pytest.raises(InvalidAudioError, match=r"sh failed .*exit status 3.*: no such tune"):
        run_program(["sh", "-c", "echo no such tune >&2; exit 3"])


def test_missing_programs_are_named_with_their_package() -> None:
    check_programs(["sh"], "dash")
    with pytest.raises(ConfigError, match="no-such-a and no-such-b not found; apt-get install tunes"):
        check_programs(["no-such-a", "sh", "no-such-b"], "tunes")

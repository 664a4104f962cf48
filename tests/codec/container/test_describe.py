import json

import pytest

from codec.container import describe, write_cdc
from codec.errors import ContainerError
from tests.codec.container.samples import make_file, make_tokens, random_codes


def test_an_intact_file_is_described_in_full() -> None:
    data = write_cdc(make_tokens(8))
    facts = json.loads(json.dumps(describe(data)))
    assert facts["model"] == "stream_16k"
    assert facts["frame_rate"] == [50, 1]
    assert (facts["n_frames"], facts["n_samples"], facts["duration_s"]) == (502, 160_000, 10.0)
    assert (facts["codebooks"], facts["bits_per_code"], facts["bitrate_bps"]) == (8, 10, 4000.0)
    measured = facts["measured"]
    assert measured["file_bytes"] == len(data)
    assert measured["code_bits"] == 502 * 80
    assert measured["overhead"] == pytest.approx(8 * len(data) / (502 * 80) - 1)
    assert measured["bitrate_bps"] == pytest.approx(8 * len(data) / 10.04)
    assert facts["blocks"] == [
        {"first_frame": 0, "n_frames": 300, "n_q": 8, "payload_bytes": 3000},
        {"first_frame": 300, "n_frames": 202, "n_q": 8, "payload_bytes": 8 * 253},
    ]
    assert facts["damage"] == {
        "intact": True,
        "finished": True,
        "lost_frames": [],
        "problems": [],
        "n_problems": 0,
    }


def test_damage_is_described() -> None:
    data = bytearray(make_file(random_codes(4, 30), 10))
    data[len(data) // 2] ^= 1
    facts = describe(bytes(data))
    assert facts["damage"]["lost_frames"] == [[10, 20]]
    assert facts["damage"]["n_problems"] == 1
    assert facts["n_frames"] == 20


def test_an_unfinished_file_is_described() -> None:
    facts = describe(make_file(random_codes(4, 30), 10, finish=False))
    assert not facts["damage"]["finished"]
    assert facts["damage"]["lost_frames"] == [[30, None]]
    assert (facts["n_samples"], facts["duration_s"], facts["n_frames"]) == (None, None, 30)


def test_a_file_without_frames_has_no_rates() -> None:
    facts = describe(make_file(random_codes(4, 0), 10))
    assert facts["measured"]["overhead"] is None
    assert facts["measured"]["bitrate_bps"] is None
    assert facts["damage"]["intact"]


def test_other_files_are_refused() -> None:
    with pytest.raises(ContainerError, match=r"no \.cdc file"):
        describe(b"RIFF" + bytes(100))

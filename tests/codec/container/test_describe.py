import json

import pytest

from codec.container import CdcReader, describe, write_cdc
from codec.errors import ContainerError
from codec.tokens import Tokens
from tests.codec.container.samples import (
    IDENTITY,
    make_file,
    make_segmented,
    make_segmented_file,
    make_tokens,
    random_codes,
    skewed_codes,
    small_coder,
)


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
    assert measured["bitrate_bps"] == pytest.approx(8 * len(data) / 10)
    assert (measured["label_bits"], measured["saved_bits"]) == (0, 0)
    assert (facts["scaled"], facts["labels"], facts["segmentation"], facts["segments"]) == (
        False,
        None,
        None,
        [],
    )
    assert facts["entropy_tables"] is None
    assert facts["blocks"] == [
        {"first_frame": 0, "n_frames": 300, "n_q": 8, "payload_bytes": 3000, "coding": "packed"},
        {"first_frame": 300, "n_frames": 202, "n_q": 8, "payload_bytes": 8 * 253, "coding": "packed"},
    ]
    assert facts["damage"] == {
        "intact": True,
        "finished": True,
        "lost_frames": [],
        "lost_segments": [],
        "problems": [],
        "n_problems": 0,
    }


def test_segments_labels_and_scales_are_described() -> None:
    tokens = make_segmented()
    data = write_cdc(tokens)
    facts = json.loads(json.dumps(describe(data)))
    assert facts["segmentation"] == {"length_samples": 3200, "stride_samples": 2880}
    assert facts["labels"] == {
        **{"labels": 86, "hop_samples": 160, "bits_per_label": 7},
        **{"rate_hz": [100, 1], "bitrate_bps": 700.0},
    }
    assert [segment["scale"] for segment in facts["segments"]] == list(tokens.side.scale)
    assert facts["segments"][5] == {"number": 5, "first_frame": 55, "scale": 2**-6, "n_labels": 4}
    assert [block["n_frames"] for block in facts["blocks"]] == [11, 11, 11, 11, 11, 2]
    # Overlapping labels are stored twice; the nominal bitrate counts them once.
    assert facts["measured"]["label_bits"] == 7 * 104
    assert facts["bitrate_bps"] == 4 * 4 * 50 + 700
    assert facts["measured"]["bitrate_bps"] == pytest.approx(8 * len(data) * 16_000 / 15_000)


def test_what_entropy_coding_saves_is_described() -> None:
    tokens = Tokens(skewed_codes(4, 500), IDENTITY, 16_000, 320, 160_000, 16)
    plain, coded = describe(write_cdc(tokens)), describe(write_cdc(tokens, small_coder()))
    assert {block["coding"] for block in coded["blocks"]} == {"entropy"}
    assert coded["entropy_tables"] == small_coder().tables_id.hex()
    saved_bytes = plain["measured"]["file_bytes"] - coded["measured"]["file_bytes"]
    # The header names the tables.
    assert coded["measured"]["saved_bits"] == 8 * (saved_bytes + 8)
    assert coded["measured"]["overhead"] < -0.4


def test_lost_segments_are_described() -> None:
    data = make_segmented_file(make_segmented(), 50)
    record = next(CdcReader(data).packed_blocks()).pack()
    facts = describe(data.replace(record, b""))
    assert facts["damage"]["lost_segments"] == [[0, 1]]
    assert [segment["number"] for segment in facts["segments"]] == [1, 2, 3, 4, 5]


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

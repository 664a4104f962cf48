import json
from datetime import UTC, datetime
from typing import Any

import pytest

from codec.errors import RepositoryError
from codec.manifest import (
    FileEntry,
    Manifest,
    content_digest,
    is_file_name,
    is_model_name,
    is_version_name,
    parse_manifest,
)
from tests.codec.published import make_draft

FILES = {
    name: FileEntry(size_bytes=3, sha256="ab" * 32)
    for name in ("model.safetensors", "golden/input.wav", "golden/codes.npy")
}


def make_manifest() -> Manifest:
    draft = make_draft()
    return Manifest(
        **draft.model_dump(exclude={"golden"}),
        golden=draft.golden,
        version=f"3-{content_digest(draft, FILES)}",
        created=datetime(2026, 1, 2, tzinfo=UTC),
        files=FILES,
    )


def changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(make_manifest().to_json()), **changes}).encode()


def test_json_there_and_back() -> None:
    manifest = make_manifest()
    assert parse_manifest(manifest.to_json().encode(), "m") == manifest
    facts = json.loads(manifest.to_json())
    assert facts["frame_rate"] == [50, 1]
    assert facts["schema_version"] == 1
    assert manifest.token_format.bitrate_bps(8) == 4000


@pytest.mark.parametrize(
    "changes",
    [
        {"schema_version": 2},
        {"surprise": 1},
        {"name": "../tiny"},
        {"version": "3-xyz"},
        {"version": "0-" + "ab" * 6},
        {"sample_rate": "16000"},
        {"sample_rate": 0},
        {"codebooks": 256},
        {"codebook_size": 1},
        {"causal": 1},
        {"frame_rate": [100, 2]},
        {"frame_rate": [50]},
        {"frame_rate": 50.0},
        {"latency_ms": -1},
        {"metrics": {"stoi": "good"}},
        {"created": "2026-01-02T00:00:00"},
        {"files": {"../evil": {"size_bytes": 1, "sha256": "ab" * 32}}},
        {"files": {"model.safetensors": {"size_bytes": -1, "sha256": "ab" * 32}}},
        {"files": {"model.safetensors": {"size_bytes": 1, "sha256": "short"}}},
        {"golden": {"input": "golden/input.wav", "codes": "/etc/passwd", "n_q": 8}},
        {"golden": {"input": "golden/input.wav", "codes": "golden/other.npy", "n_q": 8}},
        {"golden": {"input": "golden/input.wav", "codes": "golden/codes.npy", "n_q": 33}},
        {"description": "changed after publication"},
    ],
)
def test_anything_unexpected_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(RepositoryError, match="m is no valid manifest"):
        parse_manifest(changed(**changes), "m")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"metrics": NaN}'])
def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(RepositoryError, match="no valid manifest"):
        parse_manifest(content, "m")


def test_the_digest_is_over_content_only() -> None:
    digest = content_digest(make_draft(), FILES)
    assert digest == content_digest(make_manifest(), dict(reversed(FILES.items())))
    assert digest != content_digest(make_draft(causal=False), FILES)
    assert digest != content_digest(make_draft(), {**FILES, "card.md": FILES["model.safetensors"]})


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "-a", "a b", "ä", "x" * 49, "a\n", "a@b"])
def test_names_cannot_leave_their_folder(name: str) -> None:
    assert not is_model_name(name)
    assert not is_version_name(name)
    assert is_model_name("stream_16k.v2-b")


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/.b", "a\\b", "a/b/c/d/e", "a\n"]
)
def test_file_names_cannot_leave_their_folder(name: str) -> None:
    assert not is_file_name(name)
    assert is_file_name("golden/input.wav")

"""Codecs of every family from wherever they are."""

from pathlib import Path

import pytest
import torch

from codec.errors import InvalidRequestError, NotFoundError
from codec.hub.place import FolderPlace, HubPlace
from codec.hub.push import push
from codec.load import from_pretrained
from codec.model import Codec
from codec.repository import VersionPath
from tests.codec.hub.conftest import hub, version
from tests.codec.hub.stand_in import Hub
from tests.codec.models import noise, publish_seanet

__all__ = ["hub", "version"]

pytestmark = pytest.mark.usefixtures("single_thread")


def test_every_kind_of_reference_gives_the_same_codec(
    version: VersionPath, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(version.path, FolderPlace(tmp_path / "pushed"))
    push(version.path, HubPlace("team/tiny"))
    root, audio = version.path.parents[2], noise(1, 4000)
    wanted = from_pretrained(version.path)
    codes = wanted.codec.encode(audio, 3).codes
    monkeypatch.setenv("CODECD_REPOSITORY", str(root))
    monkeypatch.chdir(tmp_path)
    for reference in (tmp_path / "pushed", "pushed", "tiny", f"tiny@{version.version}", "hf://team/tiny"):
        loaded = from_pretrained(reference)
        assert loaded.identity == wanted.identity
        assert torch.equal(loaded.codec.encode(audio, 3).codes, codes)
    assert torch.equal(Codec.from_pretrained("tiny", root).encode(audio, 3).codes, codes)
    with pytest.raises(NotFoundError, match="there is no model 'nobody'"):
        from_pretrained("nobody", root)


def test_another_family_is_not_a_codec_of_this_one(tmp_path: Path) -> None:
    publish_seanet(tmp_path, "soundstream_16k_stream", "other")
    assert from_pretrained("other", tmp_path).stream is not None
    with pytest.raises(InvalidRequestError, match=r"another family; use codec\.load\.from_pretrained"):
        Codec.from_pretrained("other", tmp_path)

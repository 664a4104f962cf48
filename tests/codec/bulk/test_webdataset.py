"""Tar shards: fixed bytes, safe names, and what the webdataset package reads of them."""

import json
import tarfile
from pathlib import Path
from urllib.parse import unquote

import pytest

from codec.bulk.items import find_items
from codec.bulk.job import shards_of
from codec.bulk.maker import ShardMaker
from codec.bulk.webdataset import member_name
from codec.container import read_cdc
from codec.repository import VersionPath
from tests.codec.bulk.corpus import task_of
from tests.codec.bulk.test_maker import Notes

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.mark.parametrize("name", ["a.b/c d", "中文", "x%2Ey", "a_b-c~d", "q'\"*"])
def test_names_of_members_are_safe_and_tell_the_id(name: str) -> None:
    safe = member_name(name)
    assert unquote(safe) == name
    assert safe.isascii()
    assert not {".", " ", "*", "'"} & set(safe)


def test_every_item_is_a_pair_without_owner_and_time(
    version: VersionPath, corpus: Path, tmp_path: Path
) -> None:
    task = task_of(version, corpus, tmp_path / "out")
    shard = shards_of(find_items(corpus), task.settings)[0]
    ShardMaker(task).make(shard, Notes(), {})
    with tarfile.open(task.folder / shard.file) as archive:
        members = archive.getmembers()
        assert {(m.uid, m.gid, m.mtime, m.uname) for m in members} == {(0, 0, 0, "")}
        for tokens_member, facts_member in zip(members[::2], members[1::2], strict=True):
            tokens_file, facts_file = map(archive.extractfile, (tokens_member, facts_member))
            assert tokens_file is not None
            assert facts_file is not None
            tokens, facts = read_cdc(tokens_file.read()), json.loads(facts_file.read())
            assert facts["id"] == unquote(tokens_member.name.removesuffix(".cdc"))
            assert (facts["n_q"], facts["n_frames"]) == tokens.codes.shape
            assert (facts["n_samples"], facts["token_space"]) == (tokens.n_samples, tokens.token_space)
            assert (facts["sample_rate"], facts["hop_samples"]) == (tokens.sample_rate, tokens.hop_samples)


def test_the_webdataset_package_reads_it(version: VersionPath, corpus: Path, tmp_path: Path) -> None:
    iterators = pytest.importorskip("webdataset.tariterators")
    task = task_of(version, corpus, tmp_path / "out")
    maker, names = ShardMaker(task), []
    for shard in shards_of(find_items(corpus), task.settings):
        maker.make(shard, Notes(), {})
        with (task.folder / shard.file).open("rb") as stream:
            files = iterators.tar_file_expander([{"url": shard.file, "stream": stream}])
            for sample in iterators.group_by_keys(files):
                facts = json.loads(sample["json"])
                names.append(facts["id"])
                assert unquote(sample["__key__"]) == facts["id"]
                assert read_cdc(sample["cdc"]).n_samples == facts["n_samples"]
    assert names == [item.id for item in find_items(corpus)]

"""An output folder belongs to one job: the same goes on in it, any other is refused."""

from pathlib import Path

import pytest

from codec.bulk.items import find_items
from codec.bulk.job import JOB_FILE, Settings, job_folder, settings_for, shards_of
from codec.errors import InvalidRequestError
from codec.repository import VersionPath
from tests.codec.bulk.corpus import settings_of


@pytest.fixture
def settings(version: VersionPath, corpus: Path) -> Settings:
    return settings_of(version, corpus)


def test_shards_are_cut_from_the_sorted_items(settings: Settings, corpus: Path) -> None:
    items = find_items(corpus)
    shards = shards_of(items, settings)
    assert [shard.file for shard in shards] == [f"shard-00000{number}.tar" for number in range(3)]
    assert [len(shard.items) for shard in shards] == [3, 3, 1]
    assert tuple(item for shard in shards for item in shard.items) == items


def test_the_same_job_goes_on_and_another_is_refused(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with job_folder(out, settings):
        before = (out / JOB_FILE).read_bytes()
    with job_folder(out, settings):
        assert (out / JOB_FILE).read_bytes() == before
    for change, complaint in (
        ({"n_q": 3}, "n_q was 2, now 3"),
        ({"version": "2-000000000000"}, "version was 1-.*, now 2-000000000000"),
        ({"items_sha256": "0" * 64, "items": 8}, "items was 7, now 8; items_sha256 was "),
        ({"format": "parquet"}, "format was webdataset, now parquet"),
    ):
        other = settings.model_copy(update=change)
        with pytest.raises(InvalidRequestError, match=complaint), job_folder(out, other):
            pass
    assert (out / JOB_FILE).read_bytes() == before


def test_two_jobs_do_not_write_to_one_folder(settings: Settings, tmp_path: Path) -> None:
    with (
        job_folder(tmp_path / "out", settings),
        pytest.raises(InvalidRequestError, match="another job writes to"),
        job_folder(tmp_path / "out", settings),
    ):
        pass


def test_what_was_left_half_written_goes_away(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with job_folder(out, settings):
        drafts = [out / ".shard-000000.tar.00.part", out / "records" / ".000000.json.00.part"]
        for draft in drafts:
            draft.touch()
    with job_folder(out, settings):
        assert not any(draft.exists() for draft in drafts)


def test_folders_of_others_and_damaged_jobs_are_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with (
        pytest.raises(InvalidRequestError, match=r"holds other files \(thesis.txt\)"),
        job_folder(tmp_path, settings),
    ):
        pass
    with job_folder(tmp_path / "out", settings):
        pass
    (tmp_path / "out" / JOB_FILE).write_text("{}")
    with (
        pytest.raises(InvalidRequestError, match=r"job\.json is damaged"),
        job_folder(tmp_path / "out", settings),
    ):
        pass


def test_settings_that_make_no_sense_are_refused(version: VersionPath, corpus: Path) -> None:
    items = find_items(corpus)
    with pytest.raises(InvalidRequestError, match="a shard of 0 items"):
        settings_for(version.manifest(), items, 2, "webdataset", False, 0)
    with pytest.raises(InvalidRequestError, match=r"--compress is for \.cdc files"):
        settings_for(version.manifest(), items, 2, "parquet", True, 3)

"""Ray makes the shards that the local engine makes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codec.bulk.items import find_items
from codec.bulk.job import shards_of
from codec.bulk.maker import ShardMaker
from codec.repository import VersionPath
from tests.codec.bulk.corpus import content, task_of
from tests.codec.bulk.test_maker import Notes
from tests.support import REPOSITORY_ROOT

# In a process of its own: Ray starts threads and changes signal handlers.
_PROGRAM = """
import sys
from pathlib import Path

import ray

from codec.bulk.items import find_items
from codec.bulk.job import Settings, Task, shards_of
from codec.bulk.ray_engine import run_ray
from codec.bulk.worker import Done

version, corpus, folder, settings = sys.argv[1:]
task = Task(Path(version), Path(folder), Settings.model_validate_json(settings))
ray.init(num_cpus=2, object_store_memory=80 * 2**20, include_dashboard=False, log_to_driver=False)
told = []
run_ray(task, shards_of(find_items(Path(corpus)), task.settings), 2, told.append)
print(sorted(message.record.file for message in told if isinstance(message, Done)))
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ray_makes_the_same_shards(
    version: VersionPath, corpus: Path, tmp_path: Path, single_thread: None
) -> None:
    pytest.importorskip("ray")
    task = task_of(version, corpus, tmp_path / "ray")
    arguments = [str(version.path), str(corpus), str(task.folder), task.settings.model_dump_json()]
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        cwd=REPOSITORY_ROOT,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "['shard-000000.tar', 'shard-000001.tar', 'shard-000002.tar']" in done.stdout
    own = task_of(version, corpus, tmp_path / "own")
    maker = ShardMaker(own)
    for shard in shards_of(find_items(corpus), own.settings):
        maker.make(shard, Notes(), {})
    assert content(task.folder) == content(own.folder)

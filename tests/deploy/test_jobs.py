"""The Jobs around the repository, run as they stand against a real one."""

import os
import subprocess
import sys
from pathlib import Path

from codec.repository import Repository
from tests.deploy.manifests import KUBERNETES, Manifest, document
from tests.service.tiny import publish_tiny


def container(job: Path) -> Manifest:
    (only,) = document(KUBERNETES / job)["spec"]["template"]["spec"]["containers"]
    found: Manifest = only
    return found


def test_a_channel_is_pointed_back_and_never_at_what_is_not_there(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "models")
    old, new = (publish_tiny(tmp_path / "models", tmp_path, seed=seed) for seed in (0, 1))
    job = container(Path("channel/job.yaml"))
    program = [sys.executable, "-c", *job["args"]]
    set_by_hand = {"CODECD_REPOSITORY": str(tmp_path / "models"), "MODEL": "tiny"}
    told = {item["name"]: item["value"] for item in job["env"]} | set_by_hand
    assert repository.resolve("tiny").version == new.version
    subprocess.run(program, env={**os.environ, **told, "VERSION": old.version}, check=True)
    assert repository.resolve("tiny").version == old.version
    wrong = subprocess.run(program, env={**os.environ, **told, "VERSION": "9-000000000000"}, check=False)
    assert wrong.returncode != 0
    assert repository.resolve("tiny").version == old.version


def test_an_empty_volume_gets_the_shipped_models_and_a_full_one_keeps_its_own(tmp_path: Path) -> None:
    shipped, volume = tmp_path / "shipped", tmp_path / "volume"
    volume.mkdir()
    first = publish_tiny(shipped, tmp_path, seed=0)
    job = container(Path("components/registry/seed-job.yaml"))
    (script,) = job["args"]
    paths = {"/srv/models": str(shipped), "/mnt/models": str(volume)}
    for inside, outside in paths.items():
        assert inside in script
        script = script.replace(inside, outside)
    subprocess.run([*job["command"], script], check=True)
    assert Repository(volume).resolve("tiny").version == first.version
    second = publish_tiny(volume, tmp_path, seed=1)
    subprocess.run([*job["command"], script], check=True)
    found = Repository(volume).resolve("tiny")
    assert found.version == second.version
    Repository(volume).verify(found)

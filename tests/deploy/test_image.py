"""The Dockerfile: pinned, without root, small, and at one with the service."""

import json
import re

import pytest

from service.config import ServeConfig
from service.supervisor.environment import worker_environment
from tests.deploy.command_line import parsed
from tests.deploy.image import inherited, lineage, stages
from tests.support import REPOSITORY_ROOT

IMAGES = ("cpu", "cuda", "load")


def test_base_images_are_pinned_to_a_patch_release() -> None:
    bases = {stage.parent for stage in stages().values()} - stages().keys()
    assert bases
    assert all(re.fullmatch(r"[a-z/]+:\d+\.\d+\.\d+[-a-z]*", base) for base in bases), bases


def test_a_plain_build_makes_the_image_for_cpus() -> None:
    assert list(stages())[-1] == "cpu"


@pytest.mark.parametrize("image", IMAGES)
def test_no_stage_of_an_image_is_a_builder(image: str) -> None:
    line = lineage(image)
    assert [stage.name for stage in line][-1] == "runtime"
    shell = " ".join(text for stage in line for text in stage.texts("RUN"))
    assert not re.search(r"\b(gcc|g\+\+|make|build-essential|pip install)\b", shell)


@pytest.mark.parametrize("image", IMAGES)
def test_the_user_is_a_number_other_than_root(image: str) -> None:
    user, group = inherited(image, "USER").split(":")
    assert int(user) > 1000
    assert int(group) > 1000


def test_packages_of_the_system_are_pinned() -> None:
    shell = " ".join(text for stage in stages().values() for text in stage.texts("RUN"))
    for installed in re.findall(r"apt-get install ([^&]*)", shell):
        packages = [word for word in installed.split() if not word.startswith("-")]
        assert packages
        assert all("=" in package for package in packages), packages


def test_python_packages_are_pinned() -> None:
    installs = [
        command
        for stage in stages().values()
        for text in stage.texts("RUN")
        for command in text.split("&&")
        if "pip install" in command
    ]
    assert installs
    assert all("--constraint constraints.txt" in i or i.split()[-1] == "." for i in installs), installs


def test_the_allocator_is_one_that_workers_preload(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = " ".join(text for stage in lineage("cpu") for text in stage.texts("RUN"))
    (library,) = re.findall(r"lib(jemalloc|tcmalloc[a-z_-]*)\d", shell)
    monkeypatch.setattr(
        "service.supervisor.environment.find_library",
        lambda name: f"lib{name}.so" if name == library else None,
    )
    assert worker_environment({})["LD_PRELOAD"] == f"lib{library}.so"


def test_the_command_is_one_that_codecd_understands() -> None:
    entry = json.loads(inherited("cpu", "ENTRYPOINT"))
    arguments = parsed(json.loads(inherited("cpu", "CMD")))
    assert entry[-1] == "codecd"
    assert arguments.http_port == ServeConfig.model_fields["http_port"].default


def test_ports_are_those_that_the_service_listens_on() -> None:
    fields = ServeConfig.model_fields
    ports = [fields[name].default for name in ("http_port", "grpc_port", "metrics_port")]
    assert [int(port) for port in inherited("cpu", "EXPOSE").split()] == ports
    assert f"127.0.0.1:{ports[0]}/health/ready" in inherited("cpu", "HEALTHCHECK")


def test_the_builder_gets_what_is_copied_and_no_more() -> None:
    copied = {
        source
        for stage in stages().values()
        for text in stage.texts("COPY")
        if not text.startswith("--from=")
        for source in text.split()[:-1]
    }
    ignore = (REPOSITORY_ROOT / ".dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignore if line.startswith("!")} == copied
    assert all((REPOSITORY_ROOT / name).exists() for name in copied)

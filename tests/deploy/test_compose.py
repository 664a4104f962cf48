"""docker-compose.yml: reachable from this machine only, confined, and at one with the service."""

from typing import Any

import pytest

from service.config import ServeConfig
from tests.deploy.command_line import parsed
from tests.deploy.image import inherited, stages
from tests.deploy.manifests import DEPLOY, document
from tests.support import REPOSITORY_ROOT

COMPOSE = document(REPOSITORY_ROOT / "docker-compose.yml")
SERVICES: dict[str, Any] = COMPOSE["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]


def test_ports_are_open_on_the_loopback_address_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_images_have_exact_versions() -> None:
    images = [service["image"] for service in SERVICES.values()]
    assert all(any(digit.isdigit() for digit in image.partition(":")[2]) for image in images), images


def test_targets_are_stages_of_the_dockerfile() -> None:
    targets = [service["build"]["target"] for service in SERVICES.values() if "build" in service]
    assert targets
    assert set(targets) <= stages().keys()


def test_the_service_gets_the_time_that_its_shutdown_takes() -> None:
    service = SERVICES["codecd"]
    arguments = parsed([_default(word) for word in service["command"]])
    assert (
        float(service["stop_grace_period"].removesuffix("s"))
        > (arguments.lag_seconds or 0) + arguments.grace_seconds
    )
    assert service["user"] == inherited("cpu", "USER")


def test_ports_are_those_of_the_service() -> None:
    inside = [int(port.rpartition(":")[2]) for port in SERVICES["codecd"]["ports"]]
    fields = ServeConfig.model_fields
    assert inside == [fields[name].default for name in ("http_port", "grpc_port", "metrics_port")]
    scraped = document(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"][0]
    assert scraped["static_configs"][0]["targets"] == [f"codecd:{inside[2]}"]
    assert scraped["job_name"] == "codecd"


def test_what_is_mounted_is_there() -> None:
    mounts = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    folders = [mount.split(":")[0] for mount in mounts if isinstance(mount, str) and mount.startswith("./")]
    assert folders
    assert all((REPOSITORY_ROOT / folder).is_dir() for folder in folders)


def test_grafana_finds_its_data_and_its_dashboard() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    source = document(provisioning / "datasources" / "prometheus.yml")["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in SERVICES
    (provider,) = document(provisioning / "dashboards" / "codecd.yml")["providers"]
    targets = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert provider["options"]["path"] in targets


def _default(word: str) -> str:
    """What `${NAME:-default}` gives where NAME is not set."""
    return word.partition(":-")[2].removesuffix("}") if word.startswith("${") else word

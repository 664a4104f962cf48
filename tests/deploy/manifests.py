"""What deploy/ says, read strictly, and the manifests of an overlay as a cluster would get them."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import REPOSITORY_ROOT

DEPLOY = REPOSITORY_ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
OVERLAYS = ("cpu", "gpu", "kind")
TRAINING = KUBERNETES / "training"
JOBS = (TRAINING, KUBERNETES / "channel")

Manifest = dict[str, Any]


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that occurs twice, of which YAML's loaders silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Part of `SafeLoader`. Raises `yaml.constructor.ConstructorError` for a repeated key."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.value != "<<"]
        repeated = sorted({str(key) for key in keys if keys.count(key) > 1})
        if repeated:
            raise yaml.constructor.ConstructorError(None, None, f"twice: {repeated}", node.start_mark)
        return super().construct_mapping(node, deep)


def documents(text: str) -> list[Any]:
    """The YAML documents of a text."""
    return [document for document in yaml.load_all(text, _StrictLoader) if document is not None]


def document(path: Path) -> Any:
    """The only YAML document of a file."""
    (only,) = documents(path.read_text())
    return only


def yaml_files() -> list[Path]:
    """Every YAML file that is deployed."""
    return [REPOSITORY_ROOT / "docker-compose.yml", *sorted(DEPLOY.rglob("*.y*ml"))]


def kustomize() -> list[str]:
    """The command that builds a kustomization; empty where neither kustomize nor kubectl is there."""
    if program := shutil.which("kustomize"):
        return [program, "build"]
    if program := shutil.which("kubectl"):
        return [program, "kustomize"]
    return []


@cache
def built_text(folder: Path) -> str:
    """What `kubectl apply -k` would send; skips the test where nothing can build it."""
    command = kustomize()
    if not command:
        pytest.skip("needs kustomize or kubectl; the manifests of the base are tested without")
    return subprocess.run(
        [*command, str(folder)], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def built(folder: Path) -> list[Manifest]:
    """The manifests of a kustomization."""
    return documents(built_text(folder))


def base() -> list[Manifest]:
    """The manifests of the base as they stand in its files."""
    folder = KUBERNETES / "base"
    names = document(folder / "kustomization.yaml")["resources"]
    return [manifest for name in names for manifest in documents((folder / name).read_text())]


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """Those of a kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def server(manifests: list[Manifest]) -> Manifest:
    """The pod template of the Deployment."""
    (deployment,) = of_kind(manifests, "Deployment")
    template: Manifest = deployment["spec"]["template"]
    return template


def pods(manifests: list[Manifest]) -> list[Manifest]:
    """The pod templates of all that makes pods."""
    return [
        manifest["spec"]["template"]
        for kind in ("Deployment", "Job")
        for manifest in of_kind(manifests, kind)
    ]


def containers(pod: Manifest) -> list[Manifest]:
    """All containers of a pod, those that only begin it included."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def dashboard() -> Any:
    """Grafana's."""
    return json.loads((DEPLOY / "grafana" / "dashboards" / "codecd.json").read_text())


def dashboard_queries() -> list[str]:
    """The PromQL of all panels."""
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]


def as_grafana_asks(query: str) -> str:
    """A query with the dashboard's variables filled in: everything, and a rate over half a minute."""
    return re.sub(r"\$(instance|model)", ".+", query).replace("$__rate_interval", "30s")


def rules() -> list[dict[str, Any]]:
    """All recording and alerting rules."""
    groups = document(DEPLOY / "prometheus" / "rules.yml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def scaling_queries() -> list[str]:
    """What the autoscaler asks Prometheus."""
    scaled = document(KUBERNETES / "components" / "autoscaling" / "scaled-object.yaml")
    return [trigger["metadata"]["query"] for trigger in scaled["spec"]["triggers"]]

"""Everything that is deployed can be read, and means what it seems to mean."""

import json
from pathlib import Path

import pytest
import yaml

from tests.deploy.manifests import DEPLOY, documents, yaml_files
from tests.support import REPOSITORY_ROOT


@pytest.mark.parametrize("path", yaml_files(), ids=lambda path: str(path.relative_to(REPOSITORY_ROOT)))
def test_yaml_is_strict(path: Path) -> None:
    assert documents(path.read_text())


def test_a_repeated_key_is_found() -> None:
    with pytest.raises(yaml.constructor.ConstructorError, match="twice"):
        documents("a: {b: 1, c: 2, b: 3}")


def test_json_can_be_read() -> None:
    files = sorted(DEPLOY.rglob("*.json"))
    assert files
    assert all(isinstance(json.loads(path.read_text()), dict) for path in files)


def test_every_file_of_a_kustomization_is_used() -> None:
    for folder in sorted(path.parent for path in (DEPLOY / "kubernetes").rglob("kustomization.yaml")):
        text = (folder / "kustomization.yaml").read_text()
        others = [path.name for path in folder.glob("*.yaml") if path.name != "kustomization.yaml"]
        assert [name for name in others if name not in text] == [], folder

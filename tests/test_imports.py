"""The direction of dependencies (DESIGN, section 2): who may import whom, and who stays without torch."""

import json
import subprocess
import sys

import pytest

from tests.import_graph import PACKAGES, chain, modules, reachable
from tests.support import REPOSITORY_ROOT

MAY_NOT_IMPORT = {
    "codec": ("service", "training", "proto"),
    "training": ("service", "proto"),
    "service": ("training",),
}

# Modules (and what they import, all the way down) that must work without torch.
TORCH_FREE = (
    "codec",
    "codec.audio",
    "codec.bits",
    "codec.container",
    "codec.entropy",
    "codec.errors",
    "codec.repository",
    "codec.semantic_labels",
    "codec.side",
    "codec.tokens",
    "proto",
    "service",
    "service.client",
    "service.frontend",
    "service.frontend.app",
    "service.ipc",
    "service.supervisor",
    "service.worker.cost",
    "service.worker.item_scheduler",
    "service.worker.scheduler",
    "service.worker.slots",
)
TORCH_NAMES = ("torch", "torchaudio", "safetensors.torch")

KNOWN = modules(*PACKAGES)


def is_under(name: str, *prefixes: str) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def torch_free_modules() -> list[str]:
    """The listed modules with everything under them; of the service all but the worker's engine."""
    listed = [name for name in KNOWN if is_under(name, *(set(TORCH_FREE) - {"codec", "service"}))]
    service = [name for name in KNOWN if is_under(name, "service") and not is_under(name, "service.worker")]
    return sorted({"codec", *listed, *service} & set(KNOWN))


def test_the_modules_that_the_rules_name_exist() -> None:
    missing = [name for name in TORCH_FREE if name not in KNOWN]
    assert not missing


@pytest.mark.parametrize(("package", "forbidden"), MAY_NOT_IMPORT.items())
def test_packages_import_in_one_direction(package: str, forbidden: tuple[str, ...]) -> None:
    own = [name for name in KNOWN if is_under(name, package)]
    assert own, f"no module in {package}"
    importer = reachable(own, KNOWN)
    wrong = sorted(chain(name, importer) for name in importer if is_under(name, *forbidden))
    assert not wrong


def test_proto_imports_no_other_package() -> None:
    importer = reachable([name for name in KNOWN if is_under(name, "proto")], KNOWN)
    assert not [name for name in importer if is_under(name, "codec", "service", "training")]


@pytest.mark.parametrize("name", torch_free_modules())
def test_module_reaches_no_torch(name: str) -> None:
    importer = reachable([name], KNOWN, typing_only=False)
    assert not [chain(target, importer) for target in importer if is_under(target, *TORCH_NAMES)]


def test_importing_the_torch_free_modules_leaves_torch_unloaded() -> None:
    names = [name for name in torch_free_modules() if not name.endswith("__main__")]
    program = (
        "import importlib, json, sys\n"
        "guilty = []\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        "    if 'torch' in sys.modules:\n"
        "        guilty.append(name)\n"
        "        break\n"
        "print(json.dumps(guilty))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY_ROOT, capture_output=True, text=True, timeout=100
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == []

"""Lint what deploy/ holds with the tools of its formats: `python -m tests.deploy.check [--quick]`.

hadolint reads the Dockerfile, check-jsonschema the compose file, and kubernetes-validate compares the
manifests with the schemas of Kubernetes: every overlay where kustomize or kubectl can build it, else what
needs no building. `make setup` installs all three, and they ask no network; --quick, a part of `make check`,
ends with them. Then TypeScript compares custom resources with the types of the Gateway API, Envoy Gateway,
KEDA and the Prometheus operator, promtool checks the rules and plays them through, HAProxy and nginx read
their configurations. The types are put into .venv/deploy-tools; kubectl, node with npm, promtool, haproxy and
nginx have to be there (Debian's packages npm, prometheus, haproxy and nginx).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from tests.balance.balancers import NAMES, NotInstalledError, checked
from tests.deploy.manifests import (
    DEPLOY,
    JOBS,
    KUBERNETES,
    OVERLAYS,
    Manifest,
    base,
    built,
    built_text,
    documents,
    kustomize,
)
from tests.support import REPOSITORY_ROOT

KUBERNETES_VERSION = "1.33"
TOOLS = REPOSITORY_ROOT / ".venv" / "deploy-tools"
HERE = Path(__file__).parent
FOLDERS = {name: KUBERNETES / "overlays" / name for name in OVERLAYS} | {path.name: path for path in JOBS}

# Where the types of a custom resource's API group are.
_TYPES = {
    "gateway.envoyproxy.io": "@kubernetes-models/envoy-gateway",
    "gateway.networking.k8s.io": "@kubernetes-models/gateway-api",
    "keda.sh": "@kubernetes-models/keda",
    "monitoring.coreos.com": "@kubernetes-models/prometheus-operator",
}
_COMPILER = (
    "--noEmitOnError", "--target", "es2022", "--module", "nodenext", "--strict", "--skipLibCheck",
)  # fmt: skip


class CheckError(Exception):
    """A check that failed; the message is what its tool said."""


def run(*command: str | Path) -> str:
    """What a command prints. Raises `CheckError` with it if the command fails."""
    done = subprocess.run(
        [str(word) for word in command], cwd=REPOSITORY_ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CheckError((done.stdout + done.stderr).strip())
    return done.stdout


def require(program: str, package: str) -> str:
    """The path of a program. Raises `CheckError` that names what to install."""
    if (found := shutil.which(program)) is None:
        raise CheckError(f"{program} is missing; install {package}")
    return found


def tool(name: str) -> str:
    """The path of a linter that `make setup` has installed. Raises `CheckError` if it has not."""
    beside = Path(sys.executable).parent
    found = shutil.which(name, path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise CheckError(f"{name} is missing; run make setup")
    return found


def check_image() -> None:
    """The Dockerfile."""
    run(tool("hadolint"), "Dockerfile")


def check_compose() -> None:
    """docker-compose.yml against the schema of the compose specification."""
    run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")


def check_manifests() -> None:
    """Manifests against the schemas of Kubernetes, unknown fields refused."""
    command = (tool("kubernetes-validate"), "--strict", "--no-warn", "-k", KUBERNETES_VERSION)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, text in manifests().items():
            paths.append(Path(folder) / f"{name}.yaml")
            paths[-1].write_text(text)
        run(*command, *paths)


def manifests() -> dict[str, str]:
    """Every overlay and Job as built; where nothing can build them, what needs no building."""
    if kustomize():
        return {name: built_text(folder) for name, folder in FOLDERS.items()}
    files = [*(path / "job.yaml" for path in JOBS), *sorted((KUBERNETES / "components").glob("registry/*-*"))]
    plain = [*base(), *(manifest for path in files for manifest in documents(path.read_text()))]
    return {"plain": yaml.safe_dump_all(plain)}


def install() -> None:
    """Make or renew `.venv/deploy-tools`; instant when nothing changed."""
    wanted = (HERE / "package.json").read_text()
    stamp = TOOLS / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("installing the types ...", flush=True)
    shutil.rmtree(TOOLS, ignore_errors=True)
    TOOLS.mkdir(parents=True)
    shutil.copy(HERE / "package.json", TOOLS)
    run(require("npm", "npm"), "install", "--prefix", TOOLS, "--no-audit", "--no-fund", "--no-package-lock")
    stamp.write_text(wanted)


def check_custom_resources() -> None:
    """What the schemas of Kubernetes do not know, by type and by value; unknown fields are refused."""
    if not kustomize():
        raise CheckError("kustomize is missing; install it or kubectl")
    install()
    source = TOOLS / "resources.mts"
    source.write_text("\n".join(_declarations()))
    run(TOOLS / "node_modules" / ".bin" / "tsc", *_COMPILER, source)
    run(require("node", "nodejs"), TOOLS / "resources.mjs")


def check_rules() -> None:
    """The rules and the configuration of Prometheus, and which alerts fire when."""
    promtool = require("promtool", "prometheus")
    run(promtool, "check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    run(promtool, "test", "rules", HERE / "rules_test.yml")


def check_balancers() -> None:
    """The configurations of HAProxy and nginx, with addresses put in."""
    for name in NAMES:
        try:
            complaint = checked(name)
        except NotInstalledError as error:
            raise CheckError(str(error)) from error
        if complaint:
            raise CheckError(complaint)


QUICK: dict[str, Callable[[], None]] = {
    "Dockerfile": check_image,
    "docker-compose.yml": check_compose,
    "manifests": check_manifests,
}
CHECKS = QUICK | {
    "custom resources": check_custom_resources,
    "rules": check_rules,
    "load balancers": check_balancers,
}


def custom_resources() -> list[tuple[str, Manifest]]:
    """Custom resources, each with the name of its overlay. Raises `CheckError` for an unknown API group."""
    found = [(name, manifest) for name, folder in FOLDERS.items() for manifest in built(folder)]
    dotted = [(name, m) for name, m in found if "." in m["apiVersion"].partition("/")[0]]
    custom = [(name, m) for name, m in dotted if not m["apiVersion"].startswith("networking.k8s.io/")]
    for _, manifest in custom:
        if manifest["apiVersion"].partition("/")[0] not in _TYPES:
            raise CheckError(f"no types are known for {manifest['apiVersion']}; name their package in _TYPES")
    return custom


def _declarations() -> Iterator[str]:
    """A program that gives every resource its type, and has it validated."""
    kinds = sorted({(m["apiVersion"], m["kind"]) for _, m in custom_resources()})
    for version, kind in kinds:
        package = _TYPES[version.partition("/")[0]]
        yield f'import {{ {kind}, type I{kind} }} from "{package}/{version}";'
    for number, (name, manifest) in enumerate(custom_resources()):
        kind = manifest["kind"]
        yield f"// {name}"
        yield f"const resource{number}: I{kind} = {json.dumps(manifest, indent=2)};"
        yield f"new {kind}(resource{number}).validate();"


def main() -> int:
    """Run every check; the exit status is 1 if one of them failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="only what make setup has installed the tools for"
    )
    failed = 0
    for name, check in (QUICK if parser.parse_args().quick else CHECKS).items():
        try:
            check()
        except CheckError as error:
            failed += 1
            print(f"{name}: failed\n{error}", file=sys.stderr, flush=True)
        else:
            print(f"{name}: ok", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

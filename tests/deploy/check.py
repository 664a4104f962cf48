"""Lint what deploy/ holds with the tools of its formats: `python -m tests.deploy.check`.

hadolint reads the Dockerfile, check-jsonschema the compose file. kustomize (or kubectl) builds every
overlay; kubernetes-validate compares it with the schemas of Kubernetes, TypeScript with the types of the
Gateway API, KEDA and the Prometheus operator. promtool checks the rules and plays them through. What comes
from PyPI and npm is put into .venv/deploy-tools; kubectl, node with npm, and promtool have to be there
(Debian's packages npm and prometheus).
"""

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.deploy.manifests import (
    DEPLOY,
    JOBS,
    KUBERNETES,
    OVERLAYS,
    Manifest,
    built,
    built_text,
    kustomize,
)
from tests.support import REPOSITORY_ROOT

KUBERNETES_VERSION = "1.33"
TOOLS = REPOSITORY_ROOT / ".venv" / "deploy-tools"
HERE = Path(__file__).parent
FOLDERS = {name: KUBERNETES / "overlays" / name for name in OVERLAYS} | {path.name: path for path in JOBS}

# Where the types of a custom resource's API group are.
_TYPES = {
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


def install() -> None:
    """Make or renew `.venv/deploy-tools`; instant when nothing changed."""
    wanted = (HERE / "requirements.txt").read_text() + (HERE / "package.json").read_text()
    stamp = TOOLS / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("installing the tools ...", flush=True)
    venv.create(TOOLS, with_pip=True, clear=True)
    run(TOOLS / "bin" / "python", "-m", "pip", "--quiet", "install", "-r", HERE / "requirements.txt")
    shutil.copy(HERE / "package.json", TOOLS)
    run(require("npm", "npm"), "install", "--prefix", TOOLS, "--no-audit", "--no-fund", "--no-package-lock")
    stamp.write_text(wanted)


def check_image() -> None:
    """The Dockerfile."""
    run(TOOLS / "bin" / "hadolint", "Dockerfile")


def check_compose() -> None:
    """docker-compose.yml against the schema of the compose specification."""
    schema = ("--builtin-schema", "vendor.compose-spec")
    run(TOOLS / "bin" / "check-jsonschema", *schema, "docker-compose.yml")


def check_manifests() -> None:
    """Every overlay against the schemas of Kubernetes, unknown fields refused."""
    if not kustomize():
        raise CheckError("kustomize is missing; install it or kubectl")
    command = (TOOLS / "bin" / "kubernetes-validate", "--strict", "--no-warn", "-k", KUBERNETES_VERSION)
    for name, folder in FOLDERS.items():
        path = TOOLS / f"{name}.yaml"
        path.write_text(built_text(folder))
        run(*command, path)


def check_custom_resources() -> None:
    """What the schemas of Kubernetes do not know, by type and by value; unknown fields are refused."""
    source = TOOLS / "resources.mts"
    source.write_text("\n".join(_declarations()))
    run(TOOLS / "node_modules" / ".bin" / "tsc", *_COMPILER, source)
    run(require("node", "nodejs"), TOOLS / "resources.mjs")


def check_rules() -> None:
    """The rules and the configuration of Prometheus, and which alerts fire when."""
    promtool = require("promtool", "prometheus")
    run(promtool, "check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    run(promtool, "test", "rules", HERE / "rules_test.yml")


CHECKS: dict[str, Callable[[], None]] = {
    "tools": install,
    "Dockerfile": check_image,
    "docker-compose.yml": check_compose,
    "manifests": check_manifests,
    "custom resources": check_custom_resources,
    "rules": check_rules,
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
    failed = 0
    for name, check in CHECKS.items():
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

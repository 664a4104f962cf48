"""The manifests: at one with the service, the image and each other."""

from typing import Any

import pytest

from proto.codec.v1 import codec_pb2
from service.config import Limits, ServeConfig
from tests.deploy.command_line import parsed
from tests.deploy.image import inherited
from tests.deploy.manifests import (
    DEPLOY,
    JOBS,
    KUBERNETES,
    OVERLAYS,
    TRAINING,
    Manifest,
    base,
    built,
    containers,
    document,
    documents,
    of_kind,
    pods,
    server,
)

COMPONENTS = KUBERNETES / "components"
PORTS = {name: ServeConfig.model_fields[f"{name}_port"].default for name in ("http", "grpc", "metrics")}
SPARE_SECONDS = 10


@pytest.fixture(params=["base", *OVERLAYS])
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return base() if request.param == "base" else built(KUBERNETES / "overlays" / request.param)


@pytest.fixture(params=["base", *OVERLAYS, *JOBS], ids=lambda param: getattr(param, "name", param))
def every_pod(request: pytest.FixtureRequest) -> list[Manifest]:
    if request.param == "base":
        return pods(base())
    return pods(built(request.param if request.param in JOBS else KUBERNETES / "overlays" / request.param))


def selected(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def serve_arguments(manifests: list[Manifest]) -> Any:
    return parsed(server(manifests)["spec"]["containers"][0]["args"])


def bytes_of(quantity: str) -> int:
    factor = {"Mi": 2**20, "Gi": 2**30}[quantity[-2:]]
    return int(quantity[:-2]) * factor


def cores_of(quantity: str) -> float:
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def test_pods_have_no_rights(every_pod: list[Manifest]) -> None:
    user, group = (int(number) for number in inherited("cpu", "USER").split(":"))
    for pod in every_pod:
        assert pod["spec"]["automountServiceAccountToken"] is False
        context = pod["spec"]["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"]) == (user, group)
        assert context["runAsNonRoot"] is True
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_containers_are_bounded_and_pinned(every_pod: list[Manifest]) -> None:
    for pod in every_pod:
        for container in containers(pod):
            resources = container["resources"]
            assert bytes_of(resources["limits"]["memory"]) >= bytes_of(resources["requests"]["memory"])
            assert cores_of(resources["requests"]["cpu"]) > 0
            assert container["image"].startswith("codecd:0.1.0")


def test_every_mount_has_its_volume(every_pod: list[Manifest]) -> None:
    for pod in every_pod:
        volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
        mounted = {mount["name"] for container in containers(pod) for mount in container["volumeMounts"]}
        assert mounted == volumes


def test_the_command_is_one_that_codecd_understands(manifests: list[Manifest]) -> None:
    arguments = serve_arguments(manifests)
    assert arguments.host == "0.0.0.0"
    assert arguments.insecure or arguments.keys
    assert (arguments.http_port, arguments.grpc_port, arguments.metrics_port) == tuple(PORTS.values())


def test_only_the_laptop_goes_without_keys(manifests: list[Manifest]) -> None:
    arguments = serve_arguments(manifests)
    mounts = {mount["mountPath"] for mount in server(manifests)["spec"]["containers"][0]["volumeMounts"]}
    if arguments.insecure:
        assert not of_kind(manifests, "GRPCRoute")
    else:
        assert str(arguments.keys.parent) in mounts


def test_ports_are_those_of_the_service(manifests: list[Manifest]) -> None:
    (container,) = server(manifests)["spec"]["containers"]
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == PORTS
    for service in of_kind(manifests, "Service"):
        for port in service["spec"]["ports"]:
            assert (port["name"], port["port"]) == (port["targetPort"], PORTS[port["targetPort"]])


def test_probes_ask_over_http_what_they_are_named_for(manifests: list[Manifest]) -> None:
    (container,) = server(manifests)["spec"]["containers"]
    for probe, path in (("startup", "startup"), ("readiness", "ready"), ("liveness", "live")):
        assert container[f"{probe}Probe"]["httpGet"] == {"path": f"/health/{path}", "port": "http"}


def test_a_pod_has_the_time_that_its_end_takes(manifests: list[Manifest]) -> None:
    pod = server(manifests)["spec"]
    command, seconds = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    arguments = serve_arguments(manifests)
    needed = float(seconds) + arguments.lag_seconds + arguments.grace_seconds + SPARE_SECONDS
    assert pod["terminationGracePeriodSeconds"] >= needed
    # Longer than probes need to take a pod out, the readiness probe as well as those of load balancers.
    readiness = pod["containers"][0]["readinessProbe"]
    noticed = readiness["periodSeconds"] * readiness["failureThreshold"]
    assert min(float(seconds), arguments.lag_seconds) >= noticed


def test_selectors_find_the_pods_of_the_server(manifests: list[Manifest]) -> None:
    own = server(manifests)["metadata"]["labels"]
    services = [manifest["spec"]["selector"] for manifest in of_kind(manifests, "Service")]
    budgets = [
        m["spec"]["selector"]["matchLabels"]
        for kind in ("PodDisruptionBudget", "Deployment")
        for m in of_kind(manifests, kind)
    ]
    spread = [
        c["labelSelector"]["matchLabels"] for c in server(manifests)["spec"]["topologySpreadConstraints"]
    ]
    assert len(services) == 3
    assert all(selected(selector, own) for selector in [*services, *budgets, *spread])


def test_selectors_leave_other_pods_alone() -> None:
    (pod,) = pods(built(TRAINING))
    policies = [p["spec"]["podSelector"].get("matchLabels", {}) for p in of_kind(base(), "NetworkPolicy")]
    services = [service["spec"]["selector"] for service in of_kind(base(), "Service")]
    assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == "codecd"
    assert not any(selected(selector, pod["metadata"]["labels"]) for selector in [*policies, *services])


def test_nothing_may_talk_unless_it_is_named(manifests: list[Manifest]) -> None:
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in of_kind(manifests, "NetworkPolicy")}
    assert policies.pop("default-deny") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    opened = {
        port["port"] for spec in policies.values() for rule in spec["ingress"] for port in rule["ports"]
    }
    assert opened == PORTS.keys()
    assert all(rule["from"] for spec in policies.values() for rule in spec["ingress"])


def test_a_rolling_update_keeps_what_it_has(manifests: list[Manifest]) -> None:
    (deployment,) = of_kind(manifests, "Deployment")
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    # The autoscaler alone says how many there are.
    assert not ("replicas" in deployment["spec"] and of_kind(manifests, "ScaledObject"))


def test_no_secret_is_in_the_manifests(manifests: list[Manifest]) -> None:
    assert not of_kind(manifests, "Secret")


@pytest.mark.parametrize("overlay", ["cpu", "gpu"])
def test_there_is_a_core_for_every_worker_and_one_for_the_front_end(overlay: str) -> None:
    manifests = built(KUBERNETES / "overlays" / overlay)
    (container,) = server(manifests)["spec"]["containers"]
    assert cores_of(container["resources"]["requests"]["cpu"]) >= serve_arguments(manifests).workers + 1


@pytest.mark.parametrize("overlay", ["cpu", "gpu"])
def test_servers_only_read_the_repository(overlay: str) -> None:
    manifests = built(KUBERNETES / "overlays" / overlay)
    (container,) = server(manifests)["spec"]["containers"]
    repository = str(serve_arguments(manifests).repository)
    (mount,) = [mount for mount in container["volumeMounts"] if mount["mountPath"] == repository]
    (volume,) = [v for v in server(manifests)["spec"]["volumes"] if v["name"] == mount["name"]]
    assert mount["readOnly"] is True
    assert volume["persistentVolumeClaim"]["readOnly"] is True


def test_only_the_accelerated_overlay_asks_for_an_accelerator() -> None:
    for overlay in OVERLAYS:
        (container,) = server(built(KUBERNETES / "overlays" / overlay))["spec"]["containers"]
        has_one = "nvidia.com/gpu" in container["resources"]["limits"]
        assert has_one == container["image"].endswith("-cuda") == (overlay == "gpu")


def test_the_laptop_needs_no_operators() -> None:
    groups = {m["apiVersion"].partition("/")[0] for m in built(KUBERNETES / "overlays" / "kind")}
    assert groups == {"v1", "apps", "policy", "networking.k8s.io"}


def test_routes_lead_to_the_services() -> None:
    services = {
        (s["metadata"]["name"], port["port"])
        for s in of_kind(base(), "Service")
        for port in s["spec"]["ports"]
    }
    routes = documents((COMPONENTS / "gateway" / "routes.yaml").read_text())
    backends = [b for route in routes for rule in route["spec"]["rules"] for b in rule["backendRefs"]]
    assert {(backend["name"], backend["port"]) for backend in backends} < services


def test_routes_name_what_the_contract_has() -> None:
    (route,) = of_kind(documents((COMPONENTS / "gateway" / "routes.yaml").read_text()), "GRPCRoute")
    named = {match["method"]["service"] for rule in route["spec"]["rules"] for match in rule["matches"]}
    # Administration is for the loopback address of the pod.
    assert named == {
        service.full_name
        for service in codec_pb2.DESCRIPTOR.services_by_name.values()
        if service.name != "Admin"
    }


def test_a_gateway_waits_longer_than_the_service() -> None:
    (route,) = of_kind(documents((COMPONENTS / "gateway" / "routes.yaml").read_text()), "HTTPRoute")
    seconds = [float(rule["timeouts"]["request"].removesuffix("s")) for rule in route["spec"]["rules"]]
    assert all(wait == 0 or wait > Limits().deadline_seconds for wait in seconds)


@pytest.mark.parametrize("kind", ["GRPCRoute", "HTTPRoute"])
def test_a_gateway_gives_work_to_the_pod_with_the_least(kind: str) -> None:
    policies = documents((COMPONENTS / "envoy-gateway" / "traffic-policies.yaml").read_text())
    routes = documents((COMPONENTS / "gateway" / "routes.yaml").read_text())
    (policy,) = [p["spec"] for p in policies if p["spec"]["targetRefs"][0]["kind"] == kind]
    (route,) = of_kind(routes, kind)
    assert policy["targetRefs"][0]["name"] == route["metadata"]["name"]
    assert policy["loadBalancer"]["type"] == "LeastRequest"
    if kind == "GRPCRoute":
        assert policy["timeout"]["http"]["requestTimeout"] == "0s"


def test_the_operators_rules_are_those_of_prometheus() -> None:
    operator = document(COMPONENTS / "monitoring" / "prometheus-rule.yaml")["spec"]
    assert operator == document(DEPLOY / "prometheus" / "rules.yml"), (
        "copy the groups of deploy/prometheus/rules.yml into prometheus-rule.yaml"
    )


def test_the_monitor_finds_the_metrics() -> None:
    monitor = document(COMPONENTS / "monitoring" / "service-monitor.yaml")["spec"]
    (service,) = [s for s in of_kind(base(), "Service") if s["metadata"]["name"] == "codecd-metrics"]
    # The base's kustomization adds the name to everything.
    labels = service["metadata"]["labels"] | {"app.kubernetes.io/name": "codecd"}
    assert selected(monitor["selector"]["matchLabels"], labels)
    assert [endpoint["port"] for endpoint in monitor["endpoints"]] == ["metrics"]
    assert labels[monitor["jobLabel"]] == "codecd"


def test_training_goes_on_to_publish_what_it_trained() -> None:
    (pod,) = pods(built(TRAINING))
    (train,), (publish,) = pod["spec"]["initContainers"], pod["spec"]["containers"]
    assert train["command"][-1] == "torchrun"
    launcher, command = train["args"][:3], train["args"][3:]
    assert launcher[:1] + launcher[2:] + command[:1] == ["--standalone", "--module", "codec.cli"]
    run, publication = parsed(command[1:]), parsed(publish["args"])
    assert publication.run_folder == run.out
    assert publication.channel == "canary"
    gpus = train["resources"]["limits"]["nvidia.com/gpu"]
    assert launcher[1] == f"--nproc-per-node={gpus}"
    paths = [mount["mountPath"] for mount in publish["volumeMounts"] if not mount.get("readOnly")]
    assert str(publication.repository) in paths

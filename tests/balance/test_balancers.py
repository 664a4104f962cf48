"""The shipped configurations: taken by their programs, and at one with the service."""

import re

import pytest

from service.config import Limits
from service.http_server import _KEEP_ALIVE_SECONDS
from tests.balance.balancers import CONFIGURATIONS, NAMES, NotInstalledError, checked
from tests.balance.replicas import LAG_SECONDS
from tests.deploy.manifests import KUBERNETES, document

HAPROXY = (CONFIGURATIONS / "haproxy.cfg").read_text()
TCP = (CONFIGURATIONS / "haproxy-tcp.cfg").read_text()
NGINX = (CONFIGURATIONS / "nginx.conf.template").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_is_understood(name: str) -> None:
    try:
        complaint = checked(name)
    except NotInstalledError as error:
        pytest.skip(str(error))
    assert complaint == ""


def test_bodies_are_as_large_as_the_service_takes_them() -> None:
    limit = Limits().max_body_bytes
    (of_haproxy,) = re.findall(r"hdr_val\(content-length\) gt (\d+)", HAPROXY)
    assert int(of_haproxy) == limit
    assert f"client_max_body_size {limit >> 20}m;" in NGINX


def test_requests_are_waited_for_longer_than_the_service_takes() -> None:
    deadline = Limits().deadline_seconds
    (rest,) = re.findall(r"backend rest\n(?:.*\n)*?    timeout server (\d+)m", HAPROXY)
    assert 60 * int(rest) > deadline
    (read,) = re.findall(r"proxy_read_timeout (\d+)s;", NGINX)
    assert int(read) > deadline


def test_idle_connections_are_given_up_before_the_service_closes_them() -> None:
    (kept,) = re.findall(r"keepalive_timeout (\d+)s;", NGINX)
    assert int(kept) < _KEEP_ALIVE_SECONDS


@pytest.mark.parametrize("text", [HAPROXY, TCP], ids=["haproxy", "haproxy-tcp"])
def test_a_replica_that_leaves_is_noticed_while_it_still_serves(text: str) -> None:
    ((interval, failures),) = re.findall(r"default-server inter (\d+)s .*fall (\d+)", text)
    noticed_seconds = int(interval) * int(failures)
    (container,) = document(KUBERNETES / "base" / "deployment.yaml")["spec"]["template"]["spec"]["containers"]
    (lag,) = re.findall(r"--lag-seconds=(\d+)", " ".join(container["args"]))
    assert min(LAG_SECONDS, int(lag)) > noticed_seconds
    # The streams of a replica that is not ready are not over yet.
    assert "on-marked-down" not in text

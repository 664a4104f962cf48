"""What a service says of itself on its metrics port, and of what it can carry."""

from dataclasses import dataclass
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.bench.running_service import RunningService

_TIMEOUT_SECONDS = 5.0
_CAPACITY = "codec_stream_capacity"
_DUPLEX = "duplex"


@dataclass(frozen=True, slots=True)
class Sample:
    """A value of a metric."""

    name: str
    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Scrape:
    """All metrics at a moment."""

    samples: tuple[Sample, ...]

    @classmethod
    def take(cls, service: RunningService) -> "Scrape":
        """Ask the service."""
        url = f"http://127.0.0.1:{service.metrics_port}/metrics"
        answer = httpx.get(url, timeout=_TIMEOUT_SECONDS)
        answer.raise_for_status()
        return cls.parse(answer.text)

    @classmethod
    def parse(cls, text: str) -> "Scrape":
        """Read the text format of Prometheus."""
        return cls(
            tuple(
                Sample(sample.name, sample.labels, sample.value)
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            )
        )

    def total(self, name: str, **labels: str) -> float | None:
        """Sum over all series of a name that carry the labels; None if there is none."""
        found = [
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found) if found else None

    def capacity(self, operation: str) -> float | None:
        """Clients that all workers together say they can carry; None if they do not.

        A duplex client is a stream of either operation, which shares what one of the others would have.
        """
        if operation != _DUPLEX:
            return self.total(_CAPACITY, op=operation)
        parts = [self.total(_CAPACITY, op=kind) for kind in ("encode", "decode")]
        if not all(parts):
            return None
        return float(int(1 / sum(1 / part for part in parts if part)))


def difference(scrapes: tuple[Scrape, Scrape], name: str) -> float:
    """By how much a counter grew; NaN if the service has none of that name."""
    before, after = (scrape.total(name) for scrape in scrapes)
    return float("nan") if after is None else after - (before or 0.0)


def capacity_page(service: RunningService) -> dict[str, Any]:
    """The answer of `GET /capacity`; empty if this service has no such page."""
    answer = httpx.get(f"{service.base_url}/capacity", timeout=_TIMEOUT_SECONDS)
    found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
    return found

"""What the service can carry, for clients that choose where to go."""

from typing import Any

from service.frontend.router import Router
from service.frontend.worker_link import WorkerLink


def capacity_page(router: Router) -> dict[str, Any]:
    """The answer of `GET /capacity`: one entry for each version of a model that takes live streams.

    `slots`: places for live streams, and how many are taken. `streams`: those there are. `room`: those that
    would be taken now beside them, by what steps cost at present; 0 while those there are come late.
    `capacity`: those there are and those that there is time for, which is what autoscalers go by.
    `calibrated`: streams of one operation alone, by what steps cost when the version was loaded. Workers
    tell the last four about once a second; None until then.
    """
    versions: dict[tuple[str, str], list[WorkerLink]] = {}
    for link in router.links:
        if link.info is not None and link.info.streamable:
            versions.setdefault((link.info.model, link.info.version), []).append(link)
    return {
        "models": [
            {"model": model, "version": version, "workers": len(links), **_totals(links)}
            for (model, version), links in versions.items()
        ]
    }


def _totals(links: list[WorkerLink]) -> dict[str, Any]:
    slots = sum(link.info.slots for link in links if link.info is not None)
    used = sum(link.slots_taken for link in links)
    totals = {name: _total(links, name) for name in ("capacity", "calibrated", "streams", "room")}
    return {"slots": {"total": slots, "used": used}, **totals}


def _total(links: list[WorkerLink], name: str) -> dict[str, int] | None:
    """Sum by operation over all workers; None if one has not told yet."""
    told = [link.stats.get(name) for link in links]
    if not all(told):
        return None
    return {operation: sum(each[operation] for each in told if each) for operation in ("encode", "decode")}

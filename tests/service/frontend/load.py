"""Requests sent in the background while a test does something to the service."""

import threading
from collections import Counter
from types import TracebackType
from typing import Self

import httpx

from tests.service.frontend.harness import wav


class Load:
    """A few threads that POST `/encode` without pause; use it as a context manager.

    `statuses` counts the answers, `versions` those that named a version.
    """

    def __init__(self, url: str, threads: int = 3) -> None:
        self.statuses: Counter[int] = Counter()
        self.versions: Counter[str] = Counter()
        self._url = url
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        body = wav(0.1)
        with httpx.Client(base_url=self._url, timeout=10) as client:
            while not self._stop.is_set():
                response = client.post("/encode", content=body)
                self.statuses[response.status_code] += 1
                if "X-Codec-Version" in response.headers:
                    self.versions[response.headers["X-Codec-Version"]] += 1

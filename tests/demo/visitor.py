"""One who looks at the demo page: what is seen, clicked and heard, and what goes wrong on the way."""

import re
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

PATIENCE_MS = 40_000

DESKTOP = (1280, 900)
PHONE = (390, 844)


class Visitor:
    """A page in a context of its own; a context manager that fails if the page logged an error or asked
    anybody but its service for anything.

    `bypass_csp`: needed to run scripts of a test in the page; `microphone`: whether pages may have it.
    """

    def __init__(
        self,
        browser: Browser,
        screenshots: Path,
        size: tuple[int, int] = DESKTOP,
        scheme: Literal["light", "dark"] = "light",
        bypass_csp: bool = False,
        microphone: bool = True,
    ) -> None:
        self._context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            bypass_csp=bypass_csp,
            permissions=["microphone"] if microphone else [],
        )
        self._context.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        self._screenshots = screenshots
        self.page: Page = self._context.new_page()
        self.problems: list[str] = []
        self.requested: set[str] = set()
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda said: self._logged(said.type, said.text))
        self.page.on("request", lambda request: self.requested.add(request.url))
        self._origin = ""

    def _logged(self, kind: str, text: str) -> None:
        # What the service refuses is logged by the browser, and is told by the page, or is not.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.problems.append(text)

    def open(self, url: str) -> None:
        """Open the page of a service and wait until it knows the models."""
        self.allow(url)
        self.page.goto(url)
        self.sees("#status", "Ready.")

    def allow(self, url: str) -> None:
        """What the page may ask, itself that is."""
        self._origin = url

    def sees(self, selector: str, text: str | re.Pattern[str]) -> None:
        """Wait for a text in an element."""
        expect(self.page.locator(selector)).to_contain_text(text)

    def choose(self, group: str, value: str) -> None:
        """Choose one of a group of radio buttons; their looks lie over them."""
        self.page.locator(f"{group} input[value='{value}']").check(force=True)

    def give(self, name: str, content: bytes) -> None:
        """Choose a file."""
        file: Any = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        self.page.set_input_files("#file", files=[file])

    def number(self, figure: str) -> float:
        """A figure of the live stream, without its unit; NaN while there is none."""
        text = self.page.locator(f"[data-figure='{figure}']").inner_text()
        return float("nan") if text == "–" else float(text.split()[0])

    def picture(self, name: str) -> None:
        """Keep a picture of the whole page."""
        self.page.screenshot(path=self._screenshots / f"{name}.png", full_page=True)

    def accessibility_problems(self) -> list[str]:
        """What axe-core finds against WCAG 2.2 A and AA; the context has to bypass the CSP."""
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = Axe().run(self.page, options={"runOnly": tags})
        return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found.response["violations"]]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.close()
        if error is None:
            foreign = {url for url in self.requested if not url.startswith((self._origin, "blob:", "data:"))}
            assert not foreign
            assert not self.problems

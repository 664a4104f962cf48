"""A real browser for the demo page; without one these tests are skipped."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from playwright.sync_api import Browser, sync_playwright

from tests.demo.visitor import Visitor
from tests.support import REPOSITORY_ROOT, SAMPLE_RATE_HZ, voiced

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_MICROPHONE_SECONDS = 4.0


def _chromium() -> str:
    named = os.environ.get("CODECD_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("there is no chromium; install your system's package, or name one in CODECD_CHROMIUM")
    return found


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of the page are kept: `CODECD_SCREENSHOTS`, else a folder that git ignores."""
    folder = Path(os.environ.get("CODECD_SCREENSHOTS") or REPOSITORY_ROOT / "runs" / "demo")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's microphone hears, over and over: a WAV file of voiced sound."""
    path = tmp_path_factory.mktemp("microphone") / "voice.wav"
    soundfile.write(path, voiced(_MICROPHONE_SECONDS), SAMPLE_RATE_HZ, subtype="PCM_16")
    return path


# By module: its event loop must be gone when the next module runs asynchronous tests.
@pytest.fixture(scope="module")
def browser(microphone: Path) -> Iterator[Browser]:
    """Headless chromium whose microphone plays a file."""
    arguments = [
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
    ]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    executable = _chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Browser, screenshots: Path) -> Iterator[Visitor]:
    """Somebody with a desktop who looks at a page; nothing may go wrong behind the scenes."""
    with Visitor(browser, screenshots) as visitor:
        yield visitor

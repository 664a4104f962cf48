"""The page with the shipped model: a clip there and back, everything that is shown of it, and live."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import soundfile
from playwright.sync_api import Browser, expect

from codec.commands.options import DEFAULT_MODEL, SHIPPED_REPOSITORY
from codec.container import read_cdc
from tests.bench.running_service import RunningService
from tests.demo.visitor import DESKTOP, PHONE, Visitor
from tests.support import SAMPLE_RATE_HZ, voiced


@pytest.fixture(scope="module")
def url(browser: Browser) -> Iterator[str]:
    """Where the shipped model is served; not started where there is no browser."""
    with RunningService(SHIPPED_REPOSITORY, DEFAULT_MODEL, 1) as service:
        yield service.base_url


def flac(seconds: float, channels: int = 1, rate: int = SAMPLE_RATE_HZ) -> bytes:
    out = io.BytesIO()
    signal = voiced(seconds, sample_rate_hz=rate)
    soundfile.write(out, signal[:, None].repeat(channels, 1), rate, format="FLAC")
    return out.getvalue()


def saved(visitor: Visitor, link: str) -> tuple[str, bytes]:
    """Name and content of what a download link gives."""
    with visitor.page.expect_download() as waiting:
        visitor.page.click(link)
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def sizes(visitor: Visitor) -> dict[str, tuple[float, str]]:
    """kbit/s and size by row of the table."""
    rows = [row.inner_text().split("\t") for row in visitor.page.locator("#sizes tr").all()]
    return {name.strip(): (float(kbps), size) for name, kbps, size in rows}


def test_a_file_goes_there_and_back(visitor: Visitor, url: str) -> None:
    visitor.open(url)
    visitor.choose("#rate-chips", "4")
    visitor.give("two words.flac", flac(1.5, channels=2, rate=44_100))
    visitor.sees("#status", "two words.flac: 1.5 s in")
    visitor.sees("#after-title", "Codec at 2 kbit/s")
    visitor.sees("#codes-hint", "4 × 77, each of 1024 values")
    name, cdc = saved(visitor, "#save-cdc")
    assert name == "two words.cdc"
    tokens = read_cdc(cdc)
    assert (tokens.codes.shape, tokens.n_samples) == ((4, 77), 24_000)
    name, wav = saved(visitor, "#save-wav")
    assert name == "two words.codec.wav"
    assert soundfile.info(io.BytesIO(wav)).frames == 24_000
    table = sizes(visitor)
    assert table["WAV, 16 bit, 16 kHz"] == (256.0, "48.0 kB")
    assert table["Tokens, 4 codebooks"][1] == f"{len(cdc)} B"
    assert table["Opus at 12, nominal"] == (12.0, "2.3 kB")
    visitor.choose("#rate-chips", "32")
    visitor.sees("#codes-hint", "32 × 77")
    for figure in ("#waveform", "#before canvas", "#after canvas", "#codes canvas"):
        canvas = visitor.page.locator(figure)
        assert canvas.get_attribute("role") == "img"
        assert len(canvas.get_attribute("aria-label") or "") > 30
        assert distinct_colours(visitor, figure) > 2
    # The tokens alone, as somebody else would get them.
    visitor.give("two words.cdc", cdc)
    visitor.sees("#status", "two words.cdc: 1.5 s in")
    expect(visitor.page.locator("#before-figure")).to_be_hidden()
    expect(visitor.page.locator("#switch [value=original]")).to_be_disabled()


def distinct_colours(visitor: Visitor, selector: str) -> int:
    """How many colours a canvas shows."""
    script = """canvas => new Set(new Uint32Array(
        canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""
    count: int = visitor.page.locator(selector).evaluate(script)
    return count


def test_the_player_is_worked_by_keys(visitor: Visitor, url: str) -> None:
    page = visitor.page
    visitor.open(url)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.focus("#sample")
    page.keyboard.press("Enter")
    visitor.sees("#status", "sample.wav: 3.1 s in")
    page.focus("#position")
    page.keyboard.press("Space")
    visitor.sees("#clock", re.compile(r"^[1-9]|^0\.[1-9]"))
    assert page.get_attribute("#play", "aria-label") == "Pause"
    page.keyboard.press("a")
    expect(page.locator("#switch [value=original]")).to_be_checked()
    page.keyboard.press("b")
    expect(page.locator("#switch [value=codec]")).to_be_checked()
    page.keyboard.press("Space")
    assert page.get_attribute("#play", "aria-label") == "Play"
    page.locator("#position").fill("0.5")
    visitor.sees("#clock", "1.6 / 3.1 s")
    page.focus("#tab-clip")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#live")).to_be_visible()
    expect(page.locator("#clip")).to_be_hidden()


def test_the_microphone_is_recorded(visitor: Visitor, url: str) -> None:
    visitor.open(url)
    visitor.page.click("#record")
    visitor.sees("#record", "Stop, 1.")
    visitor.page.click("#record")
    visitor.sees("#status", "recording.wav: ")
    visitor.sees("#codes-hint", "8 × ")


@pytest.mark.parametrize("source", ["clip", "microphone"])
def test_live(visitor: Visitor, url: str, source: str) -> None:
    page = visitor.page
    visitor.open(url)
    page.click("#tab-live")
    visitor.choose("#live-source", source)
    page.click("#live-start")
    visitor.sees("#status", "Live, stream_16k version")
    wait_for_figures(visitor)
    page.click("#live-flush")
    visitor.sees("#status", "Flushed (1)")
    visitor.choose("#rate-chips", "2")
    visitor.sees("[data-figure=bitrate]", re.compile(r"^1 kbit/s"))
    # At least the 80 ms of a message are on their way, and no more than the jitter buffer would hold.
    assert visitor.number("total") > 80
    assert 0 < visitor.number("p50") <= visitor.number("p95")
    assert visitor.number("algorithmic") == 42
    assert distinct_colours(visitor, "#strips figure:nth-child(2) canvas") > 50
    page.click("#live-start")
    visitor.sees("#status", re.compile(r"Ended: [\d.]+ s in \d+ frames"))
    expect(page.locator("#live-start")).to_have_text("Start")


def wait_for_figures(visitor: Visitor) -> None:
    visitor.sees("[data-figure=total]", "ms")
    visitor.sees("[data-figure=p95]", "ms")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_for_everybody_on_any_screen(
    browser: Browser, screenshots: Path, url: str, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    name = f"{'desktop' if size == DESKTOP else 'phone'}-{scheme}"
    with Visitor(browser, screenshots, size, scheme, bypass_csp=True) as visitor:
        visitor.open(url)
        visitor.picture(f"{name}-1-start")
        assert visitor.accessibility_problems() == []
        visitor.page.click("#sample")
        visitor.sees("#status", "sample.wav: 3.1 s in")
        visitor.page.click("#play")
        visitor.sees("#clock", "1.")
        visitor.picture(f"{name}-2-clip")
        visitor.page.click("#play")
        assert visitor.accessibility_problems() == []
        visitor.page.click("#tab-live")
        visitor.choose("#live-source", "clip")
        visitor.page.click("#live-start")
        wait_for_figures(visitor)
        # Something has to be seen in the picture.
        visitor.page.wait_for_timeout(2000)
        visitor.picture(f"{name}-3-live")
        assert visitor.accessibility_problems() == []
        assert overflow(visitor) <= 0


def overflow(visitor: Visitor) -> int:
    """By how many pixels the page is wider than its window."""
    page: Any = visitor.page
    wider: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider

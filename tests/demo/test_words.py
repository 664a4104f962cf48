"""What the page says when the service says no: in words, with what to do, and when."""

import contextlib
import re
from pathlib import Path

from playwright.sync_api import Browser, expect
from websockets.sync.client import connect

from service.config import CallerLimits, Limits
from service.frontend.keys import Scope, add_key
from tests.demo.visitor import DESKTOP, Visitor
from tests.service.frontend.harness import running, wait_until, wav


def test_a_key_is_asked_for_kept_in_memory_and_never_in_an_address(visitor: Visitor, tmp_path: Path) -> None:
    file = tmp_path / "keys.jsonl"
    key = add_key(file, "visitor", list(Scope), CallerLimits())
    page = visitor.page
    with running(keys=file) as service:
        page.goto(service.url)
        visitor.sees("#alert", "The service asks for a key")
        expect(page.locator("#key-value")).to_be_focused()
        visitor.picture("desktop-light-4-key")
        page.fill("#key-value", "cdk_wrong")
        page.keyboard.press("Enter")
        visitor.sees("#alert", "unknown or has been withdrawn")
        page.fill("#key-value", key)
        page.keyboard.press("Enter")
        visitor.sees("#status", "Ready.")
        expect(page.locator("#alert")).to_be_hidden()
        visitor.give("tone.wav", wav(1.0))
        visitor.sees("#status", "tone.wav: 1.0 s in")
        page.click("#tab-live")
        visitor.choose("#live-source", "clip")
        page.click("#live-start")
        visitor.sees("[data-figure=p50]", "ms")
        page.click("#live-start")
        visitor.sees("#status", "Ended: ")
        visitor.allow(service.url)
        stored = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
        assert page.evaluate(stored) == '[{},{},""]'
        assert not [url for url in visitor.requested if key in url]


def test_refusals_are_told_in_the_words_of_the_service(visitor: Visitor) -> None:
    page = visitor.page
    with running(limits=Limits(max_body_bytes=100_000)) as service:
        visitor.open(service.url)
        visitor.give("noise.wav", b"RIFF" + bytes(1000))
        visitor.sees("#alert", "Not audio that the service reads")
        visitor.give("letter.txt", b"Dear Sir or Madam, " * 50)
        visitor.sees("#alert", "letter.txt is no audio that this browser or the service reads.")
        visitor.give("long.wav", wav(10.0))
        visitor.sees("#alert", "Too large: The body is larger than 100000 bytes; send it in parts.")
        expect(page.locator("#alert button")).to_have_count(0)
        visitor.give("cut.cdc", b"\xcdCDC" + bytes(100))
        visitor.sees("#alert", "update codecd to read it")
        visitor.give("tone.wav", wav(1.0))
        visitor.sees("#status", "tone.wav: 1.0 s in")
        expect(page.locator("#alert")).to_be_hidden()


def test_what_passes_is_offered_again(visitor: Visitor) -> None:
    page = visitor.page
    with running() as service:
        visitor.open(service.url)
        service.workers["w0"].process.kill()
        wait_until(lambda: service.get("/health/ready").status_code == 503)
        visitor.give("tone.wav", wav(1.0))
        visitor.sees("#alert", "Not possible right now")
        visitor.sees("#alert button", re.compile(r"Try again( in \d+ s)?"))
        visitor.picture("desktop-light-5-busy")
        service.add_worker()
        service.wait_ready()
        page.get_by_role("button", name="Try again", exact=True).click()
        visitor.sees("#status", "tone.wav: 1.0 s in")


def test_a_live_stream_that_finds_no_place_is_offered_again(visitor: Visitor) -> None:
    page = visitor.page
    with running() as service:
        visitor.open(service.url)
        page.click("#tab-live")
        visitor.choose("#live-source", "clip")
        with contextlib.ExitStack() as others:
            for _ in range(4):
                other = others.enter_context(connect(service.url.replace("http", "ws") + "/stream"))
                other.send('{"type": "open", "operation": "encode"}')
                assert '"opened"' in str(other.recv(timeout=20))
            page.click("#live-start")
            visitor.sees("#alert", "Not possible right now: No live stream could be opened")
            expect(page.locator("#live-start")).to_have_text("Start")
        wait_until(lambda: service.metric("codec_worker_live_streams") == 0)
        page.get_by_role("button", name="Try again", exact=True).click()
        visitor.sees("#status", "Live, ")
        page.click("#live-start")
        visitor.sees("#status", "Ended: ")
        # The browser itself logs that the first connection was refused.
        assert len(visitor.problems) == 1
        visitor.problems.clear()


def test_a_stream_that_is_asked_to_end_goes_on_in_another(browser: Browser, screenshots: Path) -> None:
    with Visitor(browser, screenshots, DESKTOP, "dark") as visitor, running() as service:
        page = visitor.page
        visitor.open(service.url)
        page.click("#tab-live")
        visitor.choose("#live-source", "microphone")
        page.click("#live-start")
        visitor.sees("[data-figure=p50]", "ms")
        (worker,) = service.workers
        service.send({"type": "go_away", "worker": worker, "grace_seconds": 5})
        visitor.sees("#status", re.compile("version replaced|Live, "))
        wait_until(lambda: service.metric("codec_streams_opened_total") == 2, 30)
        visitor.sees("#status", "Live, ")
        page.click("#live-start")
        visitor.sees("#status", "Ended: ")
        wait_until(lambda: service.metric("codec_worker_live_streams") == 0)


def test_a_microphone_that_is_not_allowed_is_explained(browser: Browser, screenshots: Path) -> None:
    with Visitor(browser, screenshots, microphone=False) as visitor, running() as service:
        visitor.open(service.url)
        visitor.page.click("#record")
        visitor.sees("#alert", "The microphone is not allowed for this page")
        expect(visitor.page.locator("#record")).to_have_text("Record")

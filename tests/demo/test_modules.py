"""The page's modules against the library: samples, token files, and the switch of the player."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser

from tests.demo.visitor import Visitor
from tests.service.frontend.harness import Service, running, wav
from tests.support import voiced


@pytest.fixture(scope="module")
def service(browser: Browser) -> Iterator[Service]:
    """A service that serves the modules; not started where there is no browser."""
    with running() as service:
        yield service


@pytest.fixture(scope="module")
def page(browser: Browser, screenshots: Path, service: Service) -> Iterator[Any]:
    """A page that runs scripts of a test beside its own."""
    with Visitor(browser, screenshots, bypass_csp=True) as visitor:
        visitor.open(service.url)
        yield visitor.page


@pytest.mark.parametrize("seconds", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("n_q", [1, 3, 8])
def test_token_files_are_read_as_the_service_wrote_them(
    page: Any, service: Service, seconds: float, n_q: int
) -> None:
    answers = {
        form: httpx.post(f"{service.url}/encode?n_q={n_q}&format={form}", content=wav(seconds))
        for form in ("cdc", "json")
    }
    read = page.evaluate(
        """async bytes => {
            const { readCdc } = await import("/demo/cdc.js");
            const { codes, ...facts } = readCdc(Uint8Array.from(bytes).buffer);
            return { ...facts, codes: codes.map(row => [...row]) };
        }""",
        list(answers["cdc"].content),
    )
    said = answers["json"].json()
    assert read["codes"] == said["codes"]
    assert (read["model"], read["version"], read["tokenSpace"]) == (
        said["model"], said["version"], said["token_space"],
    )  # fmt: skip
    assert (read["sampleRate"], read["hopSamples"]) == (said["sample_rate"], said["hop_samples"])


def test_wav_files_hold_the_samples(page: Any, tmp_path: Path) -> None:
    samples = voiced(0.2)
    content = page.evaluate(
        """async samples => {
            const { writeWav } = await import("/demo/wav.js");
            return [...new Uint8Array(writeWav(Float32Array.from(samples), 16000))];
        }""",
        samples.tolist(),
    )
    path = tmp_path / "page.wav"
    path.write_bytes(bytes(content))
    read, rate = soundfile.read(path, dtype="float32")
    assert rate == 16_000
    assert np.abs(read - samples).max() <= 0.5 / 32768


def test_spectra_have_their_peak_where_the_tone_is(page: Any) -> None:
    peaks = page.evaluate(
        """async () => {
            const { spectrogram } = await import("/demo/spectrum.js");
            return [250, 1000, 6000].map(frequency => {
                const step = 2 * Math.PI * frequency / 16000;
                const tone = Float32Array.from({ length: 16000 }, (_, i) => Math.sin(step * i));
                const { levels, bins, columns, nyquist } = spectrogram(tone, 16000, 10);
                const column = [...levels.slice(5 * bins, 6 * bins)];
                const most = Math.max(...column);
                return [column.indexOf(most) * nyquist / bins, most];
            });
        }"""
    )
    for frequency, (at, level) in zip([250, 1000, 6000], peaks, strict=True):
        assert abs(at - frequency) <= 16
        assert abs(level) < 0.1


def test_switching_keeps_the_place_and_lets_one_through(page: Any) -> None:
    """Two ramps, one the negative of the other, that say by their value where they are."""
    heard = page.evaluate(
        """async () => {
            const { Player } = await import("/demo/player.js");
            const context = new OfflineAudioContext(1, 16000, 16000);
            const player = new Player(context);
            const codec = Float32Array.from({ length: 16000 }, (_, i) => i / 16000);
            player.side = "codec";
            player.load({ original: codec.map(value => -value), codec }, 16000);
            player.loop = false;
            player.seek(0.25);
            player.play();
            context.suspend(0.4).then(() => { player.side = "original"; context.resume(); });
            return [...(await context.startRendering()).getChannelData(0)];
        }"""
    )
    sound = np.array(heard)
    # Begins after a lead of 20 ms, at a quarter of a second.
    expected = (np.arange(16_000) - 320) / 16_000 + 0.25
    np.testing.assert_allclose(sound[400:6300], expected[400:6300], atol=1e-3)
    np.testing.assert_allclose(sound[7200:12_000], -expected[7200:12_000], atol=1e-3)
    assert not sound[12_400:].any()


def test_round_trips_count_from_the_message_that_was_needed(page: Any) -> None:
    quantiles = page.evaluate(
        """async () => {
            const { Delays } = await import("/demo/live_delays.js");
            const delays = new Delays();
            const none = delays.quantile(0.5);
            delays.sent(1280, 0); delays.sent(2560, 80); delays.sent(3840, 160);
            delays.received(1280, 30);  // the first message's last sample: 30 ms
            delays.received(1281, 130); // needs the second: 50 ms
            delays.received(3840, 200); // 40 ms
            delays.received(9999, 999); // never sent
            const quantiles = [0, 0.5, 0.95].map(share => delays.quantile(share));
            return [String(none), delays.count, ...quantiles];
        }"""
    )
    assert quantiles == ["NaN", 3, 30, 40, 50]


def test_sizes_are_what_they_say(page: Any) -> None:
    rows = json.loads(
        page.evaluate(
            """async () => {
                const { sizeRows } = await import("/demo/sizes.js");
                const facts = { nSamples: 32000, sampleRate: 16000, nQ: 8, cdcBytes: 1100, fileBytes: null };
                return JSON.stringify(sizeRows(facts).map(({ bps, size }) => [Math.round(bps), size]));
            }"""
        )
    )
    assert rows == [[256176, 64044], [4400, 1100], [6000, 1500], [12000, 3000], [24000, 6000]]

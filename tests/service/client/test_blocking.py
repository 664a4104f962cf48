"""The blocking client against a running service."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from codec.container import write_cdc
from service.client import Client, DeadlineError, PcmInput, RefusedError, Selection, TryAgainError
from tests.service.echo_worker import encode, frames_of
from tests.service.frontend import bodies
from tests.service.frontend.harness import Service, running, tone, wav
from tests.support import free_ports


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    """Connections to the service."""
    with Client(service.url, service.grpc_target) as client:
        yield client


def test_audio_may_be_bytes_a_path_or_samples(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    path.write_bytes(wav(0.5))
    results = [client.encode(audio, Selection(n_q=4)) for audio in (wav(0.5), path, tone(0.5))]
    for tokens in results:
        assert (tokens.n_q, tokens.n_samples) == (4, 8000)
        assert np.array_equal(tokens.codes, results[0].codes)
    assert np.array_equal(results[0].codes[:, :25], encode(tone(0.5), 4).T)
    resampled = client.encode(tone(0.5), sample_rate=8000)
    assert resampled.n_samples == 16_000


def test_tokens_are_decoded_to_the_length_that_was_encoded(client: Client) -> None:
    tokens = client.encode(wav(0.3), Selection(bitrate_bps=1000))
    assert tokens.n_q == 2
    for given in (tokens, write_cdc(tokens)):
        audio = client.decode(given)
        assert audio.samples.shape == (1, 4800)
        assert audio.sample_rate == 16_000
    assert client.reconstruct(wav(0.3)).samples.shape == (1, 4800)


def test_models_are_listed(client: Client) -> None:
    (model,) = client.models()
    assert (model.model, model.version, model.codebooks) == ("echo_16k", "1-aaaaaaaaaaaa", 32)


def test_streams_give_what_files_give(client: Client) -> None:
    audio = tone(1.0)
    pieces: list[PcmInput] = [audio[:100], (audio[100:5000] * 32_768).astype("<i2").tobytes(), audio[5000:]]
    chunks = list(client.stream_encode(pieces, Selection(n_q=3)))
    codes = np.concatenate([chunk.codes for chunk in chunks], axis=1)
    assert np.array_equal(codes, client.encode(audio, Selection(n_q=3)).codes)
    assert [chunk.first_frame for chunk in chunks] == sorted(chunk.first_frame for chunk in chunks)
    identity = chunks[0].identity
    decoded = list(client.stream_decode(chunks, identity.token_space, identity.model))
    assert sum(len(chunk.samples) for chunk in decoded) == frames_of(16_000) * 320 - 352
    samples = np.concatenate([chunk.samples for chunk in decoded])
    assert np.abs(samples[:15_000] - 0.25).max() < 0.001


def test_a_refusal_says_what_and_that_asking_again_is_no_use(client: Client) -> None:
    with pytest.raises(RefusedError, match=r"1\.\.32") as caught:
        client.encode(wav(), Selection(n_q=33))
    assert (caught.value.code, caught.value.retry_after_seconds) == ("invalid_argument", None)
    with pytest.raises(RefusedError) as caught:
        client.decode(bodies.token_file(token_space="x"))
    assert caught.value.code == "token_space_mismatch"
    with pytest.raises(RefusedError) as caught:
        list(client.stream_encode([tone(0.1)], Selection(model="nope")))
    assert caught.value.code == "not_found"


def test_a_service_without_workers_says_when_to_ask_again() -> None:
    with Service() as service, Client(service.url, service.grpc_target) as client:
        service.send_routes()
        with pytest.raises(TryAgainError) as caught:
            client.encode(wav())
        assert caught.value.retry_after_seconds is not None
        assert caught.value.retry_after_seconds > 0
        with pytest.raises(TryAgainError) as caught:
            list(client.stream_encode([tone(0.1)]))
        assert caught.value.retry_after_seconds == 1.0


def test_no_service_at_all_is_an_error_of_the_same_kind() -> None:
    http_port, grpc_port = free_ports(2)
    with Client(f"http://127.0.0.1:{http_port}", f"127.0.0.1:{grpc_port}") as client:
        with pytest.raises(TryAgainError, match="reached"):
            client.models()
        with pytest.raises(TryAgainError):
            list(client.stream_encode([tone(0.1)]))


def test_a_slow_service_is_an_error_of_its_own() -> None:
    with Service() as service:
        service.add_worker(job_delay_seconds=3.0)
        service.wait_ready()
        with Client(service.url, timeout_seconds=0.3) as client, pytest.raises(DeadlineError):
            client.encode(wav())


def test_a_stream_that_is_sent_away_ends_whole_and_says_so() -> None:
    with running() as service, Client(service.url, service.grpc_target) as client:
        seen: list[int] = []

        def endless() -> Iterator[np.ndarray[tuple[int], np.dtype[np.float32]]]:
            while True:
                yield tone(0.02)

        def listen() -> None:
            for chunk in client.stream_encode(endless()):
                if not seen:
                    service.send({"type": "drain", "grace_seconds": 20})
                seen.append(chunk.codes.shape[1])

        with pytest.raises(TryAgainError, match="new stream"):
            listen()
        assert sum(seen) > 0
        service.wait_for("drained")

"""Models of every kind behind a real service: what is served is what the library gives."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from codec.audio import encode_audio
from codec.checkpoint import LoadedCodec, open_codec
from codec.container import write_cdc
from codec.encoded import Encoded
from codec.tokens import Segmentation, Tokens
from proto.codec.v1 import codec_pb2 as pb
from proto.codec.v1 import codec_pb2_grpc
from service.client import Client, RefusedError, Selection
from tests.service.items import labels_for, publish_seanet
from tests.service.supervisor.serving import Serving, is_alive
from tests.support import voiced

pytestmark = pytest.mark.usefixtures("single_thread")

Sound = NDArray[np.float32]
N_Q = 3


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("families")
    publish_seanet(folder / "models", folder, "encodec_48k", name="stereo")
    publish_seanet(folder / "models", folder, "soundstream_16k_stream", name="words")
    return folder


@pytest.fixture(scope="module")
def serving(work: Path) -> Iterator[Serving]:
    names = ("words", "stereo")
    with Serving(work / "models", workers=1, models=names, channel_poll_seconds=0.1) as serving:
        serving.wait(lambda: len(models(serving)) == 2, "all models served")
        yield serving


@dataclass(frozen=True)
class Swapped:
    """What the streaming version of `words` gave before a semantic one took its place."""

    audio: Sound
    tokens: Tokens
    streamed_frames: int
    before: LoadedCodec
    after: LoadedCodec


@pytest.fixture(scope="module")
def swapped(serving: Serving, work: Path) -> Swapped:
    before = open_codec("words", work / "models")
    audio = sound(before, 0.9)
    with Client(serving.url, grpc_target(serving)) as client:
        tokens = client.encode(audio, Selection("words", n_q=N_Q))
        frames = sum(chunk.codes.shape[1] for chunk in client.stream_encode([audio[0]], Selection("words")))
    published = publish_seanet(work / "models", work, "semantic_add", name="words")
    serving.wait(lambda: models(serving)["words"]["version"] == published.version, "the hot load")
    return Swapped(audio, tokens, frames, before, open_codec("words", work / "models"))


@pytest.fixture
def client(serving: Serving) -> Iterator[Client]:
    with Client(serving.url, grpc_target(serving)) as client:
        yield client


def grpc_target(serving: Serving) -> str:
    return f"127.0.0.1:{serving.event('the front end listens')['grpc_port']}"


def models(serving: Serving) -> dict[str, dict[str, object]]:
    return {model["model"]: model for model in httpx.get(f"{serving.url}/models").json()["models"]}


def sound(loaded: LoadedCodec, seconds: float, seed: int = 0) -> Sound:
    """`[channel, sample]`, channels that differ."""
    config = loaded.codec.config
    rate = config.sample_rate
    return np.stack([voiced(seconds, seed=seed + i, sample_rate_hz=rate) for i in range(config.channels)])


def library_codes(loaded: LoadedCodec, audio: Sound, words: NDArray[np.uint16] | None = None) -> Encoded:
    labels = None if words is None else torch.from_numpy(words.astype(np.int64))[None]
    return loaded.codec.encode(torch.from_numpy(audio)[None], N_Q, labels=labels)


def assert_decoded(heard: Sound, loaded: LoadedCodec, coded: Encoded) -> None:
    wanted = loaded.codec.decode(coded)[0].numpy()
    assert heard.shape == wanted.shape
    assert np.abs(heard - wanted.clip(-1, 1)).max() < 2 / 32_768


def test_stereo_at_48_khz_is_served_in_segments_several_lengths_at_once(
    serving: Serving, client: Client, work: Path
) -> None:
    loaded = open_codec("stereo", work / "models")
    clips = [sound(loaded, seconds, seed) for seed, seconds in enumerate((0.3, 2.5, 1.0, 0.7, 3.1, 0.301))]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda clip: encode(client, clip), clips))
    for clip, tokens in zip(clips, answers, strict=True):
        whole = library_codes(loaded, clip)
        assert np.array_equal(tokens.codes, whole.codes[0].numpy())
        assert whole.scale is not None
        assert tokens.side.scale == pytest.approx(whole.scale[0].tolist(), rel=1e-5)
        assert tokens.side.segmentation == Segmentation(48_000, 47_520)
        assert_decoded(client.decode(tokens).samples, loaded, whole)
        assert_decoded(client.decode(tokens.thin(1)).samples, loaded, whole.thin(1))


def encode(client: Client, clip: Sound) -> Tokens:
    return client.encode(clip, Selection("stereo", n_q=N_Q), sample_rate=48_000)


def test_other_rates_and_mono_become_what_the_model_hears(serving: Serving, client: Client) -> None:
    mono = voiced(0.5)
    decoded = client.reconstruct(mono, Selection("stereo", n_q=N_Q), sample_rate=16_000)
    assert decoded.samples.shape == (2, 24_000)
    flac = httpx.post(
        f"{serving.url}/reconstruct?model=stereo&format=flac",
        content=encode_audio(np.stack([mono] * 2), 16_000, "wav"),
    )
    assert flac.status_code == 200
    assert flac.headers["content-type"] == "audio/flac"


def test_json_holds_what_decoding_needs_and_npy_is_refused(serving: Serving, work: Path) -> None:
    loaded = open_codec("stereo", work / "models")
    clip = sound(loaded, 1.2)
    wav = encode_audio(clip, 48_000, "wav")
    facts = httpx.post(f"{serving.url}/encode?model=stereo&n_q=2&format=json", content=wav).json()
    assert len(facts["scale"]) == 2
    assert facts["segmentation"] == {"length_samples": 48_000, "stride_samples": 47_520}
    assert facts["labels"] is None
    refused = httpx.post(f"{serving.url}/encode?model=stereo&format=npy", content=wav)
    assert refused.status_code == 400
    assert "npy holds codes only" in refused.json()["error"]["message"]


def test_labels_come_by_grpc_travel_in_the_tokens_and_are_all_that_decoding_needs(
    serving: Serving, client: Client, swapped: Swapped
) -> None:
    loaded = swapped.after
    audio = sound(loaded, 1.37)
    words = labels_for(loaded.codec, audio.shape[1])  # type: ignore[arg-type]
    assert words is not None
    whole = library_codes(loaded, audio, words)
    pcm = pb.RawPcm(format=pb.PCM_FORMAT_F32LE, sample_rate=16_000, channels=1, samples=audio.tobytes())
    request = pb.EncodeRequest(
        model=pb.ModelRef(model="words"), rate=pb.Rate(n_q=N_Q), pcm=pcm, labels=words.tobytes()
    )
    with grpc.insecure_channel(grpc_target(serving)) as channel:
        stub = codec_pb2_grpc.CodecStub(channel)
        answer = stub.Encode(request)
        codes = np.frombuffer(answer.tokens.codes, "<u2").reshape(-1, N_Q).T
        assert np.array_equal(codes, whole.codes[0].numpy())
        assert answer.tokens.labels == words.tobytes()
        assert len(answer.tokens.scale) == 1
        back = stub.Decode(
            pb.DecodeRequest(
                token_space=answer.identity.token_space, tokens=answer.tokens, n_samples=answer.n_samples,
                format=pb.PCM_FORMAT_F32LE,
            )
        )  # fmt: skip
        assert_decoded(np.frombuffer(back.pcm.samples, "<f4")[None], loaded, whole)
        rebuilt = stub.Reconstruct(request)
        assert rebuilt.pcm.samples == back.pcm.samples
        with pytest.raises(grpc.RpcError) as caught:
            stub.Encode(pb.EncodeRequest(model=pb.ModelRef(model="words"), pcm=pcm, labels=b"\1\0"))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    refused = httpx.post(f"{serving.url}/encode?model=words", content=encode_audio(audio, 16_000, "wav"))
    assert refused.status_code == 400
    assert "EncodeRequest.labels" in refused.json()["error"]["message"]
    tokens = client.encode(audio, Selection("words", n_q=N_Q), labels=words)
    assert np.array_equal(tokens.codes, codes)
    assert_decoded(client.decode(tokens).samples, loaded, whole)


def test_models_tell_whether_they_stream_and_what_they_need(serving: Serving, swapped: Swapped) -> None:
    names = ("streamable", "latency_ms", "labels", "scaled", "channels")
    facts = {model: tuple(told[name] for name in names) for model, told in models(serving).items()}
    assert facts == {"stereo": (False, None, 0, True, 2), "words": (False, None, 86, True, 1)}
    with grpc.insecure_channel(grpc_target(serving)) as channel:
        listed = codec_pb2_grpc.ModelsStub(channel).List(pb.ListModelsRequest()).models
    by_name = {model.identity.model: model for model in listed}
    assert not by_name["stereo"].HasField("latency_ms")
    assert (by_name["stereo"].streamable, by_name["stereo"].segmentation.length_samples) == (False, 48_000)
    assert (by_name["words"].labels, by_name["words"].label_hop_samples) == (86, 160)


def test_tokens_that_lack_what_the_model_needs_are_refused(
    client: Client, serving: Serving, work: Path
) -> None:
    loaded = open_codec("stereo", work / "models")
    tokens = encode(client, sound(loaded, 0.4))
    bare = Tokens(tokens.codes, tokens.identity, 48_000, 320, tokens.n_samples, 32)
    refused = httpx.post(f"{serving.url}/decode", content=write_cdc(bare))
    assert refused.status_code == 400
    assert "has scales, segments of 48000 samples" in refused.json()["error"]["message"]


def test_a_whole_item_version_replaces_a_streaming_one_of_the_same_name(
    serving: Serving, client: Client, swapped: Swapped
) -> None:
    """Hot load works: new items go to the new version, and live streams are refused with the reason."""
    whole = library_codes(swapped.before, swapped.audio)
    assert np.array_equal(swapped.tokens.codes, whole.codes[0].numpy())
    assert not swapped.tokens.side.format.recorded
    assert swapped.streamed_frames == whole.n_frames[0]
    with pytest.raises(RefusedError, match="needs the whole item"):
        list(client.stream_encode([swapped.audio[0]], Selection("words")))
    assert httpx.get(f"{serving.url}/health/ready").status_code == 200


@pytest.mark.slow
def test_a_worker_of_whole_items_that_hangs_is_replaced(serving: Serving, client: Client, work: Path) -> None:
    admin = f"http://127.0.0.1:{serving.event('admin listens')['admin_port']}"
    status = httpx.get(f"{admin}/admin/models").json()
    (pid,) = [
        worker["pid"]
        for model in status["models"]
        for version in model["versions"]
        for worker in version["workers"]
        if model["name"] == "stereo"
    ]
    os.kill(pid, signal.SIGSTOP)
    serving.wait(lambda: not is_alive(pid), "the end of the hung worker")
    serving.wait(lambda: "stereo" in models(serving), "its successor")
    audio = sound(open_codec("stereo", work / "models"), 0.5)
    assert client.encode(audio, Selection("stereo", n_q=N_Q)).codes.size

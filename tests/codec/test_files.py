"""Files of any length give what the model gives at once, and appear whole or not at all."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from codec.audio import TRUNCATED, read_audio
from codec.checkpoint import LoadedCodec, load_codec
from codec.container import CdcHeader, CdcReader, CdcWriter, read_cdc
from codec.encoded import Encoded
from codec.errors import (
    ContainerError,
    InvalidAudioError,
    InvalidRequestError,
    InvalidTokensError,
    TokenSpaceMismatchError,
)
from codec.files import EncodeOptions, decode_file, encode_file
from codec.model import Codec
from codec.tokens import Codes, TokenIdentity
from tests.codec.models import publish_tiny
from tests.support import voiced

RATE = 16000

pytestmark = pytest.mark.usefixtures("single_thread")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedCodec:
    return load_codec(publish_tiny(tmp_path_factory.mktemp("repository")).path)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    soundfile.write(path, voiced(12.34), RATE)
    return path


def silent(_: int) -> None:
    """A progress that nobody watches."""


def write_tokens(path: Path, header: CdcHeader, blocks: list[Codes], n_samples: int | None) -> Path:
    with path.open("wb") as sink:
        writer = CdcWriter(sink, header)
        for codes in blocks:
            writer.append(codes)
            writer.flush()
        writer.finish(n_samples)
    return path


def header_of(loaded: LoadedCodec, codebooks: int = 6) -> CdcHeader:
    return CdcHeader(loaded.identity, loaded.token_format, codebooks)


def codes_of(frames: int, n_q: int = 6, seed: int = 0) -> Codes:
    return np.random.default_rng(seed).integers(0, 64, (n_q, frames)).astype(np.uint16)


def test_a_file_holds_the_codes_of_the_whole_recording(loaded: LoadedCodec, clip: Path) -> None:
    """Read and coded in blocks of a second, while the model's own pieces are 10 s long."""
    told: list[int] = []
    target = clip.with_suffix(".cdc")
    assert encode_file(loaded, clip, target, EncodeOptions(4), told.append) == ()
    tokens = read_cdc(target)
    audio = torch.from_numpy(read_audio(clip, RATE).samples).unsqueeze(0)
    whole = loaded.codec.encode(audio, 4)
    assert np.array_equal(tokens.codes, whole.codes[0].numpy())
    assert tokens.n_samples == audio.shape[-1] == sum(told)
    assert tokens.identity == loaded.identity


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".FLAC"])
def test_a_decoded_file_is_the_audio_of_the_whole_recording(
    loaded: LoadedCodec, clip: Path, tmp_path: Path, suffix: str
) -> None:
    encode_file(loaded, clip, tmp_path / "a.cdc", EncodeOptions(4), silent)
    target, told = tmp_path / f"decoded{suffix}", list[int]()
    decode_file(loaded, tmp_path / "a.cdc", target, told.append)
    heard = read_audio(target, RATE).samples
    encoded = loaded.codec.encode(torch.from_numpy(read_audio(clip, RATE).samples).unsqueeze(0), 4)
    expected = loaded.codec.decode(encoded)[0].clamp(-1, 1)
    assert heard.shape == expected.shape
    np.testing.assert_allclose(heard, expected.numpy(), atol=1 / 32000)
    assert sum(told) == heard.shape[1]
    assert soundfile.info(target).format == suffix[1:].upper()


@pytest.mark.parametrize("samples", [1, 319, 320, 321, 16000, 16001])
def test_the_sample_count_survives(loaded: LoadedCodec, tmp_path: Path, samples: int) -> None:
    soundfile.write(tmp_path / "a.wav", voiced(2)[:samples], RATE)
    encode_file(loaded, tmp_path / "a.wav", tmp_path / "a.cdc", EncodeOptions(1), silent)
    decode_file(loaded, tmp_path / "a.cdc", tmp_path / "b.wav", silent)
    assert soundfile.info(tmp_path / "b.wav").frames == samples


def test_other_rates_and_channels_are_converted(loaded: LoadedCodec, tmp_path: Path) -> None:
    stereo = np.stack([voiced(1, sample_rate_hz=44100), voiced(1, seed=1, sample_rate_hz=44100)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, 44100)
    encode_file(loaded, tmp_path / "a.wav", tmp_path / "a.cdc", EncodeOptions(2), silent)
    assert read_cdc(tmp_path / "a.cdc").n_samples == RATE


def test_a_cut_recording_is_encoded_and_reported(loaded: LoadedCodec, tmp_path: Path) -> None:
    source = tmp_path / "a.flac"
    soundfile.write(source, voiced(4), RATE)
    source.write_bytes(source.read_bytes()[:-8000])
    assert encode_file(loaded, source, tmp_path / "a.cdc", EncodeOptions(2), silent) == (TRUNCATED,)
    assert 0 < (read_cdc(tmp_path / "a.cdc").n_samples or 0) < 4 * RATE


@pytest.mark.parametrize("content", [b"", b"no audio at all", b"RIFF\x00\x00\x00\x00WAVE"])
def test_what_is_no_audio_leaves_no_file(loaded: LoadedCodec, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(InvalidAudioError):
        encode_file(loaded, tmp_path / "a.wav", tmp_path / "a.cdc", EncodeOptions(2), silent)
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_a_failure_keeps_the_old_file(loaded: LoadedCodec, clip: Path) -> None:
    target = clip.with_suffix(".cdc")
    target.write_bytes(b"old")
    with pytest.raises(InvalidRequestError, match="n_q is 7"):
        encode_file(loaded, clip, target, EncodeOptions(7), silent)
    assert target.read_bytes() == b"old"
    assert len(list(clip.parent.iterdir())) == 2


def test_blocks_may_have_different_n_q(loaded: LoadedCodec, tmp_path: Path) -> None:
    blocks = [codes_of(7, 6), codes_of(5, 2, seed=1), codes_of(9, 4, seed=2)]
    path = write_tokens(tmp_path / "a.cdc", header_of(loaded), blocks, None)
    decode_file(loaded, path, tmp_path / "a.wav", silent)
    padded = np.full((6, 21), -1, np.int64)
    for start, codes in zip((0, 7, 12), blocks, strict=True):
        padded[: codes.shape[0], start : start + codes.shape[1]] = codes
    encoded = Encoded(torch.from_numpy(padded).unsqueeze(0), (21 * 320 - 352,), (21,))
    expected = loaded.codec.decode(encoded)[0].clamp(-1, 1).numpy()
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav", RATE).samples, expected, atol=1 / 16000)


def test_without_a_sample_count_all_complete_samples_come_out(loaded: LoadedCodec, tmp_path: Path) -> None:
    path = write_tokens(tmp_path / "a.cdc", header_of(loaded), [codes_of(10)], None)
    decode_file(loaded, path, tmp_path / "a.wav", silent)
    assert soundfile.info(tmp_path / "a.wav").frames == 10 * 320 - 352


def test_clipped_samples_are_counted(loaded: LoadedCodec, tmp_path: Path) -> None:
    loud = load_codec_with_gain(loaded, 100)
    path = write_tokens(tmp_path / "a.cdc", header_of(loaded), [codes_of(20)], None)
    assert decode_file(loaded, path, tmp_path / "quiet.wav", silent).n_clipped == 0
    assert decode_file(loud, path, tmp_path / "loud.wav", silent).n_clipped > 100


def load_codec_with_gain(loaded: LoadedCodec, gain: float) -> LoadedCodec:
    louder = copy.deepcopy(loaded.codec)
    assert isinstance(louder, Codec)
    louder.decoder.leave.weight.mul_(gain)
    return replace(loaded, codec=louder, stream=louder)


def test_a_file_that_promises_too_much_is_refused(loaded: LoadedCodec, tmp_path: Path) -> None:
    path = write_tokens(tmp_path / "a.cdc", header_of(loaded), [codes_of(10)], 3200)
    with pytest.raises(ContainerError, match="the frames give 2848 samples, the file promises 3200"):
        decode_file(loaded, path, tmp_path / "a.wav", silent)
    assert not (tmp_path / "a.wav").exists()


def test_a_damaged_file_is_refused(loaded: LoadedCodec, clip: Path, tmp_path: Path) -> None:
    encode_file(loaded, clip, tmp_path / "a.cdc", EncodeOptions(4), silent)
    content = bytearray((tmp_path / "a.cdc").read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "a.cdc").write_bytes(content)
    with pytest.raises(ContainerError):
        decode_file(loaded, tmp_path / "a.cdc", tmp_path / "a.wav", silent)
    assert not (tmp_path / "a.wav").exists()


def test_tokens_of_other_codebooks_are_refused(loaded: LoadedCodec, tmp_path: Path) -> None:
    foreign = TokenIdentity("other", "3-abcdefabcdef", "ts-0000000000000000")
    header = CdcHeader(foreign, loaded.token_format, 6)
    path = write_tokens(tmp_path / "a.cdc", header, [codes_of(10)], None)
    with pytest.raises(TokenSpaceMismatchError, match="--model other@3-abcdefabcdef"):
        decode_file(loaded, path, tmp_path / "a.wav", silent)


def test_more_codebooks_than_the_model_has_are_refused(loaded: LoadedCodec, tmp_path: Path) -> None:
    path = write_tokens(tmp_path / "a.cdc", header_of(loaded, 7), [codes_of(10, 7)], None)
    with pytest.raises(InvalidTokensError, match="7 codebooks; this model has 6"):
        decode_file(loaded, path, tmp_path / "a.wav", silent)


def test_the_name_of_the_target_has_to_name_a_format(loaded: LoadedCodec, tmp_path: Path) -> None:
    path = write_tokens(tmp_path / "a.cdc", header_of(loaded), [codes_of(10)], None)
    with pytest.raises(InvalidRequestError, match=r"a\.mp3 must end in \.wav or \.flac"):
        decode_file(loaded, path, tmp_path / "a.mp3", silent)
    with CdcReader(path) as reader:
        assert reader.header.codebooks == 6

"""What is left of a damaged file is decoded, each part at its place; what is lost is silent or left out."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from codec.checkpoint import LoadedCodec, load_codec
from codec.container import CdcHeader, CdcReader, CdcWriter, CodeBlock
from codec.container.block import PackedBlock
from codec.errors import ContainerError
from codec.files import EncodeOptions, decode_file, encode_file
from codec.quantizer import ABSENT
from codec.reassembly import MAX_GAP_FRAMES, frames_in_order, segments_in_order
from codec.seanet_config import SeanetCodecConfig
from codec.tokens import Segmentation, SideFormat, TokenFormat, TokenIdentity
from tests.codec.models import publish_seanet, publish_tiny
from tests.support import voiced

IDENTITY = TokenIdentity("some", "1-abcdefabcdef", "ts-0000000000000000")
FORMAT = TokenFormat(16000, 320, 32)
SEGMENTED = SideFormat(True, None, Segmentation(160000, 152000))
WHOLE = SeanetCodecConfig(family="seanet")

pytestmark = pytest.mark.usefixtures("single_thread")


def silent(_: int) -> None:
    """A progress that nobody watches."""


def written(path: Path, side: SideFormat, segments: list[int], n_samples: int | None) -> Path:
    """A file of segments with so many frames each, whose codes are the number of their segment."""
    with path.open("wb") as sink:
        writer = CdcWriter(sink, CdcHeader(IDENTITY, FORMAT, 2, side=side), block_frames=100)
        for number, frames in enumerate(segments):
            if side.recorded:
                writer.begin_segment(1.0 + number, None)
            writer.append(np.full((2, frames), number, np.uint16))
        writer.finish(n_samples)
    return path


def spoil(path: Path, spot: int) -> None:
    content = bytearray(path.read_bytes())
    content[spot] ^= 255
    path.write_bytes(content)


def blocks_of(path: Path) -> list[CodeBlock]:
    with CdcReader(path) as reader:
        return list(reader)


def test_frames_of_a_sound_file_come_as_they_are(tmp_path: Path) -> None:
    path = written(tmp_path / "a.cdc", SideFormat(), [250], None)
    with CdcReader(path) as reader:
        assert sum(piece.shape[1] for piece in frames_in_order(reader)) == 250


def test_lost_frames_are_absent(tmp_path: Path) -> None:
    path = written(tmp_path / "a.cdc", SideFormat(), [350], None)
    size = path.stat().st_size
    spoil(path, size // 2)
    with CdcReader(path, tolerant=True) as reader:
        codes = np.concatenate([np.broadcast_to(p, (2, p.shape[1])) for p in frames_in_order(reader)], axis=1)
        (lost,) = reader.report.lost
    assert codes.shape == (2, 350)
    assert lost.stop is not None
    assert (codes[:, lost.start : lost.stop] == ABSENT).all()
    assert (np.delete(codes, np.s_[lost.start : lost.stop], axis=1) == 0).all()


def test_a_gap_that_no_damage_explains_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.cdc", SideFormat(), [10], None)
    first = blocks_of(path)[0]
    assert first.first_frame == 0
    with CdcReader(path) as reader:
        start = reader.bytes_read
    content = path.read_bytes()
    with (tmp_path / "far.cdc").open("wb") as sink:
        sink.write(content[:start])
        sink.write(far_block(first))
    with (
        CdcReader(tmp_path / "far.cdc", tolerant=True) as reader,
        pytest.raises(ContainerError, match="frames in a row are missing"),
    ):
        list(frames_in_order(reader))


def far_block(block: CodeBlock) -> bytes:
    return PackedBlock.from_codes(MAX_GAP_FRAMES + 1, block.codes, 5).pack()


def test_segments_of_a_sound_file_come_with_their_records(tmp_path: Path) -> None:
    n_samples = 30 * 16000 + 1
    frames = [WHOLE.segment_frames(n) for n in WHOLE.segment_lengths(n_samples)]
    path = written(tmp_path / "a.cdc", SEGMENTED, frames, n_samples)
    with CdcReader(path) as reader:
        segments = list(segments_in_order(reader, WHOLE, n_samples))
    assert [segment.codes.shape[1] for segment in segments] == frames
    assert [segment.scale for segment in segments] == [1.0, 2.0, 3.0, 4.0]
    assert all((segment.codes == number).all() for number, segment in enumerate(segments))


def test_a_segment_without_record_is_silent_and_keeps_its_place(tmp_path: Path) -> None:
    n_samples = 30 * 16000 + 1
    frames = [WHOLE.segment_frames(n) for n in WHOLE.segment_lengths(n_samples)]
    path = written(tmp_path / "a.cdc", SEGMENTED, frames, n_samples)
    with CdcReader(path) as reader:
        for block in reader:
            if block.segment is not None and block.segment.number == 1:
                break
        spot = reader.bytes_read
    found = path.read_bytes().find(np.float32(2.0).tobytes())
    assert 0 < found < spot
    spoil(path, found)
    with CdcReader(path, tolerant=True) as reader:
        segments = list(segments_in_order(reader, WHOLE, n_samples))
        assert [(r.start, r.stop) for r in reader.report.lost_segments] == [(1, 2)]
    assert [segment.codes.shape[1] for segment in segments] == frames
    assert (segments[1].codes == ABSENT).all()
    assert segments[1].scale is not None
    assert segments[1].scale < 1e-20
    assert (segments[2].codes == 2).all()


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory) -> LoadedCodec:
    return load_codec(publish_tiny(tmp_path_factory.mktemp("repository")).path)


@pytest.fixture(scope="module")
def levelled(tmp_path_factory: pytest.TempPathFactory) -> LoadedCodec:
    return load_codec(publish_seanet(tmp_path_factory.mktemp("repository"), "encodec_16k", "enc").path)


@pytest.mark.parametrize("kind", ["streaming", "levelled"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_damaged_file_gives_audio_of_the_right_length(
    kind: str, share: float, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    loaded: LoadedCodec = request.getfixturevalue(kind)
    soundfile.write(tmp_path / "a.wav", voiced(20), 16000)
    encode_file(loaded, tmp_path / "a.wav", tmp_path / "a.cdc", EncodeOptions(4), silent)
    decode_file(loaded, tmp_path / "a.cdc", tmp_path / "sound.wav", silent)
    spoil(tmp_path / "a.cdc", int((tmp_path / "a.cdc").stat().st_size * share))
    with pytest.raises(ContainerError):
        decode_file(loaded, tmp_path / "a.cdc", tmp_path / "no.wav", silent)
    done = decode_file(loaded, tmp_path / "a.cdc", tmp_path / "b.wav", silent, recover=True)
    assert not done.damage.intact
    assert done.damage.lost
    heard, wanted = (soundfile.read(tmp_path / name)[0] for name in ("b.wav", "sound.wav"))
    assert heard.shape == wanted.shape
    assert np.isfinite(heard).all()
    if kind == "streaming":
        kept = max(0, done.damage.lost[0].start * 320 - 352)
        np.testing.assert_allclose(heard[:kept], wanted[:kept], atol=1e-4)


@pytest.mark.parametrize("kind", ["streaming", "levelled"])
def test_a_cut_file_gives_what_is_there(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    loaded: LoadedCodec = request.getfixturevalue(kind)
    soundfile.write(tmp_path / "a.wav", voiced(20), 16000)
    encode_file(loaded, tmp_path / "a.wav", tmp_path / "a.cdc", EncodeOptions(4), silent)
    content = (tmp_path / "a.cdc").read_bytes()
    (tmp_path / "a.cdc").write_bytes(content[: len(content) * 2 // 3])
    done = decode_file(loaded, tmp_path / "a.cdc", tmp_path / "b.wav", silent, recover=True)
    assert not done.damage.finished
    assert 5 * 16000 < soundfile.info(tmp_path / "b.wav").frames < 20 * 16000

"""Encodec's 24 kHz and 48 kHz models import, and give the reference's codes and waveforms."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from codec.errors import ForeignModelError
from codec.importers.encodec import encodec_config, encodec_state, import_encodec
from codec.importers.state_dict import read_state_dict
from codec.seanet_model import SeanetCodec
from codec.segments import cut
from tests.codec.foreign import ENCODEC, furthest, golden_dir, imported, vectors


def inputs(name: str) -> dict[str, Tensor]:
    golden = vectors(name)
    if name == "encodec_24khz":
        return {clip: golden[f"{clip}.wav"].unsqueeze(0) for clip in "abcd"}
    longest = golden["a.wav"].unsqueeze(0)
    return {"a": longest, "b": longest[..., :48000], "c": longest[..., :47680]}


@pytest.mark.parametrize("name", ENCODEC)
def test_codes_vectors_and_scales_are_those_of_the_reference(name: str) -> None:
    codec, golden = imported(name), vectors(name)
    for clip, wav in inputs(name).items():
        lengths = codec.config.segment_lengths(wav.shape[-1])
        pieces, _ = cut(wav, (wav.shape[-1],), codec.config)
        latent = codec.embed(pieces, lengths)
        encoded = codec.encode(wav, 8)
        codes = encoded.codes[0].split([codec.config.segment_frames(n) for n in lengths], dim=-1)
        for index, segment in enumerate(codes):
            frame = f"{clip}.f{index}"
            expected = golden[f"{frame}.emb"]
            assert furthest(latent.vectors[index, : expected.shape[0]], expected) < 1e-4
            assert torch.equal(segment, golden[f"{frame}.codes"])
            for n_q, suffix in ((8, ""), (2, "2")):
                quantized = codec.quantizer.decode(segment[None, :n_q])
                assert furthest(quantized[0], golden[f"{frame}.quant{suffix}"]) < 1e-5
            if encoded.scale is not None:
                expected = golden[f"{frame}.scale"]
                torch.testing.assert_close(encoded.scale[:, index], expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", ENCODEC)
def test_waveforms_are_those_of_the_reference(name: str) -> None:
    codec, golden = imported(name), vectors(name)
    for clip, wav in inputs(name).items():
        audio = codec.decode(codec.encode(wav, 8))
        assert audio.shape == wav.shape
        if name == "encodec_24khz":
            assert furthest(audio[0], golden[f"{clip}.decoded"][:, : wav.shape[-1]]) < 1e-4
        else:
            tail = golden[f"{clip}.recon_tail"]
            assert furthest(audio[0, :, -tail.shape[-1] :], tail) < 1e-4


def test_fewer_codebooks_give_the_waveform_of_the_reference() -> None:
    golden = vectors("encodec_24khz")
    audio = imported("encodec_24khz").synthesise(golden["b.f0.quant2"].unsqueeze(0), (28,), None)
    assert furthest(audio[0], golden["b.decoded2"]) < 1e-4
    golden = vectors("encodec_48khz")
    codes, scale = golden["a.f1.quant2"].unsqueeze(0), golden["a.f1.scale"]
    audio = imported("encodec_48khz").synthesise(codes, (15,), scale)
    assert furthest(audio[0], golden["a.f1.decoded2"]) < 1e-4


@pytest.mark.parametrize("name", ENCODEC)
def test_segments_and_frames_follow_the_laws_of_the_reference(name: str) -> None:
    config = imported(name).config
    rows = vectors(name)["sweep"].tolist()
    assert len(rows) > 10
    for samples, segments, first, last, _ in rows:
        lengths = config.segment_lengths(samples)
        assert (len(lengths), config.segment_frames(lengths[0])) == (segments, first)
        assert config.segment_frames(lengths[-1]) == last


@pytest.mark.parametrize("name", ENCODEC)
def test_full_size_models_have_every_tensor_and_no_other(name: str) -> None:
    listing = json.loads((golden_dir("fullsize_keys") / f"{name}.json").read_text())
    state = {key: torch.ones(()).expand(shape) for key, shape in listing["keys"].items()}
    config = encodec_config(state, Path(name))
    with torch.device("meta"):
        wanted = {key: tensor.shape for key, tensor in SeanetCodec(config).state_dict().items()}
    found = encodec_state(state, config, Path(name))
    assert {key: tensor.shape for key, tensor in found.items()} == wanted
    assert config.quantizer.codebooks == listing["n_q"]
    for side in ("encoder", "decoder"):
        count = sum(tensor.numel() for key, tensor in found.items() if key.startswith(side))
        assert count == listing["parameters"][side]


def test_files_of_other_models_are_refused(tmp_path: Path) -> None:
    state = read_state_dict(golden_dir("encodec_24khz") / "checkpoint.pth")
    path = tmp_path / "weights.th"
    for change, message in (
        ({"quantizer.vq.layers.2._codebook.inited": torch.zeros(1)}, "codebook 2 was never trained"),
        (
            {"quantizer.vq.layers.2._codebook.embed": torch.zeros(3, 16)},
            "codebook 2 is missing or of another",
        ),
        ({"lm.weight": torch.zeros(1)}, "1 unknown tensors"),
        ({"encoder.model.0.conv.conv.weight_v": torch.zeros(2, 2, 7)}, "2 channels"),
        ({"decoder.model.15.conv.conv.bias": torch.full((1,), float("inf"))}, "finite floats"),
    ):
        torch.save({**state, **change}, path)
        with pytest.raises(ForeignModelError, match=message):
            import_encodec(path)
    torch.save({"encoder.weight": torch.zeros(1)}, path)
    with pytest.raises(ForeignModelError, match="is no Encodec model"):
        import_encodec(path)

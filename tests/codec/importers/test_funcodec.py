"""Every FunCodec model imports, and gives the reference's vectors, codes and waveforms."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from codec.encoded import Encoded
from codec.errors import ForeignModelError
from codec.importers.funcodec import funcodec_state, import_funcodec
from codec.importers.funcodec_config import FuncodecConfig
from codec.importers.state_dict import read_state_dict
from codec.seanet_model import SeanetCodec
from tests.codec.foreign import (
    FREQUENCY,
    FUNCODEC,
    SEMANTIC,
    TIME,
    clips,
    furthest,
    golden_dir,
    imported,
    vectors,
)

FULL_SIZE = (
    *("encodec_16k_ds320", "encodec_16k_ds640", "soundstream_16k", "soundstream_noncausal_16k"),
    *("soundstream_noncausal_16k_ds640", "freqcodec_mag_angle", "freqcodec_mag_phase"),
    *("freqcodec_mag_phase_ds640", "freqcodec_mag_phase_gr1_inferred", "freqcodec_mag_phase_gr8_inferred"),
    "semantic_16k_ds320",
)


def labels_of(name: str, clip: str) -> Tensor | None:
    return vectors(name)[f"{clip}.labels"].unsqueeze(0) if name in SEMANTIC else None


@pytest.mark.parametrize("name", FUNCODEC)
def test_encoder_gives_the_vectors_and_codes_of_the_reference(name: str) -> None:
    codec, golden = imported(name), vectors(name)
    for clip in clips(name):
        wav = golden[f"{clip}.wav"].view(1, 1, -1)
        latent = codec.embed(wav, (wav.shape[-1],))
        assert latent.scale is not None
        torch.testing.assert_close(latent.scale, golden[f"{clip}.scale"], rtol=1e-5, atol=0)
        assert furthest(latent.vectors[0], golden[f"{clip}.emb"]) < 1e-4
        encoded = codec.encode(wav, 8, labels=labels_of(name, clip))
        assert torch.equal(encoded.codes[0], golden[f"{clip}.codes"])
        assert torch.equal(codec.encode(wav, 2, labels=labels_of(name, clip)).codes, encoded.codes[:, :2])


@pytest.mark.parametrize("name", FUNCODEC)
def test_decoder_gives_the_waveform_of_the_reference(name: str) -> None:
    codec, golden = imported(name), vectors(name)
    tolerance = 1e-5 if name in FREQUENCY else 1e-4
    for clip in clips(name):
        codes = golden[f"{clip}.codes"].unsqueeze(0)
        for n_q, suffix in ((8, ""), (2, "2")):
            quantized = codec.quantizer.decode(codes[:, :n_q])
            assert furthest(quantized[0], golden[f"{clip}.quant{suffix}"]) < 1e-5
            if f"{clip}.decoded{suffix}" in golden:
                heard = golden.get(f"{clip}.dec_in{suffix}", golden[f"{clip}.quant{suffix}"])
                audio = codec.synthesise(heard.unsqueeze(0), (codes.shape[-1],), None)
                assert furthest(audio[0, 0], golden[f"{clip}.decoded{suffix}"]) < tolerance


@pytest.mark.parametrize("name", FUNCODEC)
def test_round_trip_keeps_level_and_length(name: str) -> None:
    codec, golden = imported(name), vectors(name)
    for clip in clips(name):
        wav = golden[f"{clip}.wav"].view(1, 1, -1)
        audio = codec.decode(codec.encode(wav, 8, labels=labels_of(name, clip)))
        assert audio.shape == wav.shape
        recon = golden[f"{clip}.decoded"] * golden[f"{clip}.scale"]
        kept = min(recon.shape[0], wav.shape[-1])
        assert furthest(audio[0, 0, :kept], recon[:kept]) < 1e-5
        assert not audio[0, 0, kept:].any()


@pytest.mark.parametrize("name", [*TIME, *FREQUENCY])
def test_batch_of_one_length_gives_the_codes_of_the_reference(name: str) -> None:
    golden = vectors(name)
    encoded = imported(name).encode(golden["batch.wav"].unsqueeze(1), 8)
    assert encoded.scale is not None
    torch.testing.assert_close(encoded.scale[:, 0], golden["batch.scale"], rtol=1e-5, atol=0)
    assert torch.equal(encoded.codes, golden["batch.codes"].transpose(0, 1))


@pytest.mark.parametrize("name", FREQUENCY)
def test_features_are_those_of_the_reference(name: str) -> None:
    shared = "freqcodec_mag_angle" if name == "freqcodec_mag_angle" else "freqcodec_mag_phase"
    codec, golden = imported(name), vectors(shared)
    for clip in ("b", "c", "d"):
        wav = golden[f"{clip}.wav"].view(1, 1, -1) / golden[f"{clip}.scale"]
        features, _ = codec.features(wav, None)
        difference = features[0] - golden[f"{clip}.feat"]
        if shared.endswith("angle"):
            # An angle of +pi is one of -pi, and which of them frame 0 has is a matter of rounding.
            difference[1] = torch.remainder(difference[1] + torch.pi, 2 * torch.pi) - torch.pi
        assert float(difference.abs().max()) < 1e-2
        embedded, _ = codec.encoder(golden[f"{clip}.feat"].unsqueeze(0), None)
        assert furthest(embedded[0], vectors(name)[f"{clip}.emb"]) < 1e-4


@pytest.mark.parametrize("name", [*TIME, *FREQUENCY])
def test_frames_and_lengths_follow_the_laws_of_the_reference(name: str) -> None:
    config = imported(name).config
    rows = vectors(name)["sweep"].tolist()
    assert len(rows) > 20
    for samples, frames, *_ in rows:
        assert config.frames_for(samples) == frames


@pytest.mark.parametrize("name", SEMANTIC)
def test_semantic_vectors_are_those_of_the_reference(name: str) -> None:
    codec, golden = imported(name), vectors(name)
    assert codec.semantic is not None
    for clip in clips(name):
        samples, frames = golden[f"{clip}.wav"].shape[0], golden[f"{clip}.codes"].shape[-1]
        heard = codec.semantic(golden[f"{clip}.labels"].unsqueeze(0), (samples,), (frames,))
        expected = golden[f"{clip}.semantic"]
        assert furthest(heard[0, : expected.shape[0]], expected) < 1e-5
        combined = codec.semantic.combine(golden[f"{clip}.quant"].unsqueeze(0), heard, None)
        assert furthest(combined[0], golden[f"{clip}.dec_in"]) < 1e-5


@pytest.mark.parametrize("name", FULL_SIZE)
def test_full_size_models_have_every_tensor_and_no_other(name: str) -> None:
    listing = json.loads((golden_dir("fullsize_keys") / f"{name}.json").read_text())
    two = "_2d" if name.startswith("freqcodec") else ""
    config = FuncodecConfig.model_validate(
        {
            **{
                key: listing[key]
                for key in ("model", "encoder_conf", "decoder_conf", "quantizer_conf", "model_conf")
            },
            "encoder": f"encodec_seanet_encoder{two}",
            "decoder": f"encodec_seanet_decoder{two}",
            "quantizer": "costume_quantizer",
        }
    ).codec()
    with torch.device("meta"):
        wanted = {key: tensor.shape for key, tensor in SeanetCodec(config).state_dict().items()}
    state = {key: torch.ones(()).expand(shape) for key, shape in listing["keys"].items()}
    for window in {"enc_trans_func.window", "dec_trans_func.window"} & set(state):
        state[window] = torch.hann_window(512)
    found = funcodec_state(state, config, Path(name))
    assert {key: tensor.shape for key, tensor in found.items()} == wanted
    parameters = listing["parameters"]
    for side in ("encoder", "decoder"):
        count = sum(tensor.numel() for key, tensor in found.items() if key.startswith(side))
        assert count == parameters[side]


@pytest.mark.parametrize("name", ["encodec_16k_ds320", "freqcodec_mag_phase"])
@pytest.mark.parametrize(("n_q", "suffix"), [(4, ""), (2, "_half_rate")])
def test_token_files_of_the_reference_decode_to_its_wave_files(name: str, n_q: int, suffix: str) -> None:
    """They hold no level, so the reference scales down what is above 0.99; FreqCodec's lack a frame."""
    folder, codec = golden_dir("command_line"), imported(name)
    _, _, listing = (folder / f"{name}.codecs.txt").read_text().partition(" ")
    codes = torch.tensor(json.loads(listing))[:, :n_q]
    with np.load(folder / "vectors.npz") as arrays:
        expected = torch.from_numpy(arrays[f"{name}.decoded_file{suffix}_pcm16"].astype(np.float64))
    encoded = Encoded(codes, (expected.shape[0],), (codes.shape[-1],))
    audio = codec.decode(encoded)[0, 0].double()
    peak = float(audio.abs().max())
    audio *= min(1.0, 0.99 / peak) * 32768
    assert furthest(audio, expected) <= 2


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    for file in ("config.yaml", "checkpoint.pth"):
        shutil.copy(golden_dir("encodec_16k_ds320") / file, tmp_path)
    return tmp_path


def rewrite(folder: Path, **changes: Tensor | None) -> None:
    state = read_state_dict(folder / "checkpoint.pth")
    state |= {key.replace("__", "."): value for key, value in changes.items() if value is not None}
    dropped = {key.replace("__", ".") for key, value in changes.items() if value is None}
    torch.save({key: value for key, value in state.items() if key not in dropped}, folder / "checkpoint.pth")


def test_untrained_codebooks_are_refused(model_folder: Path) -> None:
    inited = torch.ones(8, 1)
    inited[3] = 0
    rewrite(model_folder, quantizer__rq__model__inited=inited)
    with pytest.raises(ForeignModelError, match="never trained"):
        import_funcodec(model_folder)


def test_missing_unknown_and_misshapen_tensors_are_refused(model_folder: Path) -> None:
    rewrite(model_folder, something__new=torch.zeros(2))
    with pytest.raises(ForeignModelError, match=r"1 unknown tensors, for example \['something.new'\]"):
        import_funcodec(model_folder)
    rewrite(model_folder, something__new=None, encoder__model__0__conv__conv__bias=None)
    with pytest.raises(ForeignModelError, match=r"encoder\.enter\.convolution\.bias"):
        import_funcodec(model_folder)
    rewrite(model_folder, encoder__model__0__conv__conv__bias=torch.zeros(3))
    with pytest.raises(ForeignModelError, match="finite floats"):
        import_funcodec(model_folder)
    rewrite(model_folder, encoder__model__0__conv__conv__bias=torch.full((2,), float("nan")))
    with pytest.raises(ForeignModelError, match="finite floats"):
        import_funcodec(model_folder)


def test_training_checkpoints_and_released_names_are_read(model_folder: Path) -> None:
    state = read_state_dict(model_folder / "checkpoint.pth")
    torch.save(
        {"model": {**state, "discriminator.x": torch.zeros(1)}, "epoch": 3}, model_folder / "model.pth"
    )
    codec = import_funcodec(model_folder)
    wav = vectors("encodec_16k_ds320")["d.wav"].view(1, 1, -1)
    assert torch.equal(codec.encode(wav, 8).codes[0], vectors("encodec_16k_ds320")["d.codes"])


def test_a_folder_without_weights_is_refused(model_folder: Path) -> None:
    (model_folder / "checkpoint.pth").unlink()
    with pytest.raises(ForeignModelError, match=r"holds none of model\.pth"):
        import_funcodec(model_folder)


def test_another_window_is_refused(tmp_path: Path) -> None:
    for file in ("config.yaml", "checkpoint.pth"):
        shutil.copy(golden_dir("freqcodec_mag_phase") / file, tmp_path)
    rewrite(tmp_path, enc_trans_func__window=torch.hamming_window(512))
    with pytest.raises(ForeignModelError, match="no Hann window"):
        import_funcodec(tmp_path)

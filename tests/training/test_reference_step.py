"""One training step of the paper's toolkit: our losses of its model's output, with its discriminators."""

import json

import numpy as np
import pytest
import torch

from codec.importers.funcodec import import_funcodec
from tests.support import shared_dir
from tests.training.discriminators.golden import ours
from training.discriminators.config import DiscriminatorsConfig, StftConfig
from training.discriminators.discriminators import Discriminators
from training.losses import power_spectra
from training.losses.adversarial import adversarial_loss, discriminator_loss, feature_loss
from training.losses.reconstruction import ReconstructionLoss


@torch.no_grad()
def test_every_term_is_that_of_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    golden = shared_dir() / "golden"
    wanted = json.loads((golden / "train_step" / "meta.json").read_text())
    speech = torch.from_numpy(np.load(golden / "train_step" / "vectors.npz")["speech"])
    codec = import_funcodec(golden / "encodec_16k_ds320")
    output = codec.decode(codec.encode(speech.unsqueeze(1), 8)).squeeze(1)

    # The small model of this step was made with 8 mel bands, not 64.
    monkeypatch.setattr(power_spectra, "_BANDS", 8)
    terms = ReconstructionLoss(16000, {"time", "power_mel", "log_power"})(speech, output)

    config = DiscriminatorsConfig(kinds=(StftConfig(filters=2),))
    discriminators = Discriminators(config)
    state = torch.load(golden / "train_step" / "discriminator.pth", weights_only=True)
    discriminators.load_state_dict(ours(state, config))
    real, fake = discriminators(speech), discriminators(output)
    logits = [[judgement.logits for judgement in side] for side in (real, fake)]
    features = [[judgement.features for judgement in side] for side in (real, fake)]

    generator = wanted["eval_generator"]
    for found, name in (
        (terms["time"], "generator_recon_loss"),
        ((terms["power_mel"] + terms["log_power"]) / 2, "generator_multi_spectral_recon_loss"),
        (adversarial_loss(logits[1]), "generator_adv_loss"),
        (feature_loss(*features, relative=False), "generator_feat_match_loss"),
    ):
        assert float(found) == pytest.approx(generator[name], rel=1e-4)
    judged = wanted["eval_discriminator"]["discriminator_loss"]
    assert float(discriminator_loss(*logits)) == pytest.approx(judged, rel=1e-4)

"""The numbers of a model."""

from service.worker.engine import Geometry


def test_a_frame_lasts_hop_over_rate() -> None:
    geometry = Geometry(
        sample_rate=16_000, channels=1, hop_samples=320, delay_samples=352, codebooks=32, codebook_size=1024
    )
    assert geometry.frame_seconds == 0.02

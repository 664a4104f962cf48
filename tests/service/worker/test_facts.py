"""What a worker tells of its model is what the config says."""

from codec.side import LabelFormat, Segmentation
from tests.service.items import item_codec, item_info


def test_a_streamable_model_has_slots_and_a_latency_and_nothing_beside_its_codes() -> None:
    info = item_info(item_codec("soundstream_16k_stream"))
    assert (info.streamable, info.slots, info.latency_ms) == (True, 4, 20.0)
    assert not info.side_format(10**9).recorded
    config = item_codec("soundstream_16k_stream").config
    assert info.receptive_field_samples == config.receptive_field_samples
    assert info.decoder_reach_frames == config.decoder_reach_frames


def test_a_model_that_needs_the_whole_item_tells_what_stands_beside_its_codes() -> None:
    info = item_info(item_codec("encodec_48k"))
    assert (info.streamable, info.slots, info.latency_ms, info.channels) == (False, 0, None, 2)
    assert (info.receptive_field_samples, info.decoder_reach_frames) == (None, None)
    form = info.side_format(1)
    assert (form.scaled, form.labels, form.segmentation) == (True, None, Segmentation(48_000, 47_520))
    info = item_info(item_codec("semantic_add"))
    assert info.label_format == LabelFormat(86, 160)


def test_segments_are_those_of_the_config_at_every_length() -> None:
    for preset in ("encodec_48k", "soundstream_16k", "freqcodec_mag_phase"):
        config = item_codec(preset).config
        for n_samples in (1, 479_999, 480_000, 480_001, 10_000_000):
            plan, told = config.segments_for(n_samples), item_info(item_codec(preset)).side_format(n_samples)
            if plan is None:
                assert told.segmentation is None
            else:
                assert told.segmentation == Segmentation(plan.length_samples, plan.stride_samples)
                assert told.count(n_samples) == len(config.segment_lengths(n_samples))

"""The semantic stream: what it changes, what it needs, and that a file decodes without the source."""

from copy import copy
from dataclasses import replace

import pytest
import torch

from codec.errors import InvalidRequestError
from codec.seanet_config import SegmentConfig
from tests.codec.seanets import N_Q, labels, noise, small_codec

MODES = ("semantic_add", "semantic_concat", "semantic_residual")


@pytest.mark.parametrize("name", MODES)
def test_labels_change_what_is_heard(name: str) -> None:
    codec = small_codec(name)
    audio = noise(codec, 1, 4000)
    one, other = (codec.encode(audio, N_Q, labels=labels(codec, 1, 4000, seed)) for seed in (1, 2))
    assert torch.equal(one.codes, other.codes) == (name != "semantic_residual")
    assert not torch.equal(codec.decode(one), codec.decode(replace(one, labels=other.labels)))


@pytest.mark.parametrize("name", MODES)
def test_labels_after_an_item_do_not_matter(name: str) -> None:
    codec = small_codec(name)
    audio, words = noise(codec, 1, 1000), labels(codec, 1, 9000)
    assert words is not None
    long, short = (codec.encode(audio, N_Q, labels=part) for part in (words, words[:, :7]))
    assert long.labels is not None
    assert long.labels.shape == (1, 7)
    assert torch.equal(long.codes, short.codes)
    assert torch.equal(codec.decode(long), codec.decode(short))


def test_a_last_partial_frame_has_its_own_vector_unless_cut() -> None:
    codec = small_codec("semantic_add")
    assert codec.semantic is not None
    words = labels(codec, 1, 1100)
    assert words is not None
    own = codec.semantic(words, (1100,), (4,))
    assert not torch.equal(own[:, 3], own[:, 2])
    codec.semantic.config = codec.semantic.config.model_copy(update={"cuts_to_whole_hops": True})
    cut = codec.semantic(words, (1100,), (4,))
    small_codec.cache_clear()
    assert torch.equal(cut[:, :3], own[:, :3])
    assert torch.equal(cut[:, 3], own[:, 2])


@pytest.mark.parametrize("name", MODES)
def test_a_segment_hears_the_labels_of_its_own_samples(name: str) -> None:
    whole = small_codec(name)
    codec, hop = copy(whole), whole.config.hop_samples
    plan = SegmentConfig(length_samples=6 * hop, stride_samples=5 * hop)
    codec.config = whole.config.model_copy(update={"segments": plan})
    samples = 13 * hop + 100
    audio, words = noise(codec, 1, samples), labels(codec, 1, samples)
    assert words is not None
    encoded = codec.encode(audio, N_Q, labels=words)
    first = 0
    for index, length in enumerate(codec.config.segment_lengths(samples)):
        start = index * 5 * hop
        own = words[:, start // 160 : start // 160 + codec.config.labels_for(length)]
        alone = whole.encode(audio[..., start : start + length], N_Q, labels=own)
        count = alone.codes.shape[-1]
        assert torch.equal(encoded.codes[..., first : first + count], alone.codes)
        if index == 0:
            heard = whole.decode(alone)[..., : 5 * hop]
            torch.testing.assert_close(codec.decode(encoded)[..., : 5 * hop], heard)
        first += count
    assert first == encoded.codes.shape[-1]


@pytest.mark.parametrize("name", MODES)
def test_missing_short_and_unknown_labels_are_refused(name: str) -> None:
    codec = small_codec(name)
    audio, words = noise(codec, 1, 1000), labels(codec, 1, 1000)
    assert words is not None
    wrong = [None, words[:, :6], words[0], words.expand(2, -1), words + 86, words - 90, words.float()]
    for bad in wrong:
        with pytest.raises(InvalidRequestError, match="labels"):
            codec.encode(audio, N_Q, labels=bad)
    with pytest.raises(InvalidRequestError, match="labels"):
        codec.decode(replace(codec.encode(audio, N_Q, labels=words), labels=None))

"""The fixed sizes of the format are those that the specification in `codec.container` names."""

import pytest

from codec.container import layout
from codec.errors import ContainerError


def test_the_parts_are_as_long_as_the_specification_says() -> None:
    assert layout.HEADER_FIXED_BYTES == 28
    assert layout.BLOCK_HEADER_BYTES == 18
    assert len(layout.INDEX_MARKER) + layout.INDEX_TAIL_BYTES == 22
    assert layout.ENTRY_FIELDS.size == 4


def test_the_markers_cannot_be_taken_for_each_other() -> None:
    starts = {layout.MAGIC[:2], layout.BLOCK_MARKER, layout.INDEX_MARKER}
    assert len({layout.MAGIC, layout.END_MAGIC}) == 2
    assert len(starts - {layout.MAGIC[:2]}) == 2


@pytest.mark.parametrize("n_samples", [None, 0, 1, 2**40])
def test_a_sample_count_survives_storage(n_samples: int | None) -> None:
    stored = layout.stored_samples(n_samples)
    assert 0 <= stored <= layout.UNKNOWN_SAMPLES
    assert layout.loaded_samples(stored) == n_samples


def test_a_newer_format_is_a_container_error() -> None:
    assert issubclass(layout.UnknownFormatError, ContainerError)

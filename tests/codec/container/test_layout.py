"""The fixed sizes of the format are those that the specification in `codec.container` names."""

from codec.container import layout
from codec.errors import ContainerError


def test_the_parts_are_as_long_as_the_specification_says() -> None:
    assert layout.HEADER_FIXED_BYTES == 19
    assert layout.BLOCK_HEADER_BYTES == 18
    assert len(layout.INDEX_MARKER) + layout.INDEX_TAIL_BYTES == 14
    assert layout.SAMPLES.size == 8
    assert layout.ENTRY_FIELDS.size == 4


def test_the_markers_cannot_be_taken_for_each_other() -> None:
    starts = {layout.MAGIC[:2], layout.BLOCK_MARKER, layout.INDEX_MARKER}
    assert len({layout.MAGIC, layout.END_MAGIC}) == 2
    assert len(starts - {layout.MAGIC[:2]}) == 2


def test_coding_and_segment_share_a_byte() -> None:
    assert len({layout.PACKED, layout.CODED, layout.RECORD}) == 3
    assert layout.RECORD < 1 << layout.CODING_BITS
    assert layout.SEGMENT_CYCLE << layout.CODING_BITS == 256


def test_a_newer_format_is_a_container_error() -> None:
    assert issubclass(layout.UnknownFormatError, ContainerError)

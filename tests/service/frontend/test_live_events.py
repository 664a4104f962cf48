"""Parts of output are found by number."""

from service.frontend.live_events import Data


def test_the_part_of_data_in_a_range() -> None:
    data = Data(10, 2, b"aabbccdd")
    assert data.part(2, 0) is data
    assert data.part(2, 12) == Data(12, 2, b"ccdd")
    assert data.part(2, 0, 11) == Data(10, 2, b"aa")
    assert data.part(2, 11, 13) == Data(11, 2, b"bbcc")
    assert data.part(2, 14) is None
    assert data.part(2, 0, 10) is None
    assert data.part(4, -3, 99) is data

"""Input is found again by number, whole and in parts, until it is forgotten."""

import numpy as np
import pytest

from service.client.history import History


def test_items_are_found_across_pieces() -> None:
    history = History()
    for start, end in ((0, 5), (5, 5), (5, 6), (6, 11)):
        history.append(np.arange(start, end))
    assert history.end == 11
    assert history.after(3).tolist() == [3, 4]
    assert np.concatenate(history.between(3, 9)).tolist() == [3, 4, 5, 6, 7, 8]
    assert history.between(4, 4) == []
    with pytest.raises(LookupError):
        history.after(11)


def test_codes_count_by_frames_and_may_change_their_width() -> None:
    history = History()
    history.append(np.zeros((8, 4), np.uint16))
    history.append(np.zeros((2, 3), np.uint16))
    assert [piece.shape for piece in history.between(1, 6)] == [(8, 3), (2, 2)]


def test_only_whole_pieces_before_an_item_are_forgotten() -> None:
    history = History()
    for _ in range(3):
        history.append(np.zeros(10))
    history.forget(19)
    assert len(history.after(10)) == 10
    with pytest.raises(LookupError):
        history.after(9)
    history.forget(20)
    with pytest.raises(LookupError):
        history.after(19)
    assert history.end == 30

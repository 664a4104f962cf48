"""Items come out in order, and none is lost where the reader gives up."""

import asyncio

import pytest

from service.frontend.mailbox import Mailbox


async def test_items_come_in_order_waited_for_or_not() -> None:
    mailbox = Mailbox[int]()
    mailbox.put(1)
    mailbox.put(2)
    assert [await mailbox.take(), await mailbox.take()] == [1, 2]
    taking = asyncio.ensure_future(mailbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    mailbox.put(3)
    mailbox.put(4)
    assert await taking == 3
    assert await mailbox.take() == 4


async def test_an_item_that_a_cancelled_reader_missed_is_there_for_the_next() -> None:
    mailbox = Mailbox[str]()
    taking = asyncio.ensure_future(mailbox.take())
    await asyncio.sleep(0)
    mailbox.put("kept")
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert await mailbox.take() == "kept"


async def test_a_reader_that_was_cancelled_earlier_is_in_nobodys_way() -> None:
    mailbox = Mailbox[str]()
    taking = asyncio.ensure_future(mailbox.take())
    await asyncio.sleep(0)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    mailbox.put("later")
    assert await mailbox.take() == "later"

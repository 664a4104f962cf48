"""All batches together hold so much and no more, whoever waits is served in order, and all is given back."""

import asyncio

from service.frontend.batch_run import BatchRoom


def test_room_is_given_in_order_of_arrival() -> None:
    async def scenario() -> None:
        room, order = BatchRoom(100), list[int]()

        async def enter(number: int, amount_bytes: int) -> None:
            await room.enter(amount_bytes)
            order.append(number)

        await room.enter(60)
        tasks = [asyncio.ensure_future(enter(1, 50)), asyncio.ensure_future(enter(2, 10))]
        await asyncio.sleep(0.01)
        assert order == [], "the second would fit, but the first has waited longer"
        room.leave(60)
        await asyncio.gather(*tasks)
        assert order == [1, 2]

    asyncio.run(scenario())


def test_one_who_is_alone_gets_more_than_there_is() -> None:
    async def scenario() -> None:
        room = BatchRoom(100)
        await asyncio.wait_for(room.enter(1000), 1)
        waiting = asyncio.ensure_future(room.enter(1))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        room.leave(1000)
        await asyncio.wait_for(waiting, 1)

    asyncio.run(scenario())


def test_who_gives_up_waiting_takes_no_room() -> None:
    async def scenario() -> None:
        room = BatchRoom(100)
        await room.enter(100)
        waiting, next_one = asyncio.ensure_future(room.enter(100)), asyncio.ensure_future(room.enter(50))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.sleep(0.01)
        room.leave(60)
        await asyncio.wait_for(next_one, 1)
        granted = asyncio.ensure_future(room.enter(20))
        await asyncio.sleep(0.01)
        room.leave(10)
        granted.cancel()
        await asyncio.gather(granted, return_exceptions=True)
        await asyncio.wait_for(room.enter(20), 1)

    asyncio.run(scenario())

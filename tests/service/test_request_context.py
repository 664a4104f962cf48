"""Every request has an id, and what runs for it knows it."""

import asyncio

from service.request_context import REQUEST_ID, begin_request


def test_the_id_of_the_caller_is_kept_within_bounds() -> None:
    async def one(given: str | None) -> tuple[str, str]:
        return begin_request(given), REQUEST_ID.get()

    assert asyncio.run(one("a-1")) == ("a-1", "a-1")
    assert asyncio.run(one("x" * 1000))[0] == "x" * 128
    made = [asyncio.run(one(given))[0] for given in (None, "")]
    assert len(set(made)) == 2
    assert all(made)


async def test_requests_beside_each_other_keep_their_ids() -> None:
    async def one(given: str) -> str:
        begin_request(given)
        await asyncio.sleep(0.01)
        return REQUEST_ID.get()

    assert await asyncio.gather(*(asyncio.create_task(one(name)) for name in "abc")) == ["a", "b", "c"]
    assert REQUEST_ID.get() == ""

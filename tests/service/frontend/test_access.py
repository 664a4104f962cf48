"""Who is calling: keys in headers and metadata, and a key file that changes underneath."""

import asyncio
import time
from collections.abc import Callable
from contextvars import Context, copy_context
from pathlib import Path

import pytest

from service.config import CallerLimits
from service.frontend.access import Access, Caller, calling
from service.frontend.keys import Scope, add_key, remove_key
from service.request_context import CALLER
from service.status import Condition, ServiceError

_NO_LIMITS = CallerLimits()


def enter(work: Callable[[], None]) -> Caller:
    """The caller that `work` lets in, and its name for logs and workers."""
    context: Context = copy_context()
    context.run(work)
    caller = context.run(calling)
    assert context.run(CALLER.get) == caller.name
    return caller


def over_http(access: Access, name: str, value: str) -> Caller:
    headers = [(b"host", b"x"), (name.encode(), value.encode("latin-1"))]
    return enter(lambda: access.enter_http(headers))


def by_key(access: Access, key: str) -> Caller:
    return over_http(access, "x-api-key", key)


def failures(_: str) -> None:
    raise AssertionError("nothing was broken")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a key file may be."""
    return tmp_path / "keys.jsonl"


def test_without_keys_all_are_one_caller_without_a_name() -> None:
    access = Access(None, CallerLimits(max_streams=1), failures)
    first = enter(lambda: access.enter_http([]))
    second = enter(lambda: access.enter_rpc([]))
    assert first is second
    assert first.name == ""
    first.begin("reconstruct")
    with first.stream(), pytest.raises(ServiceError, match="1 live streams"), second.stream():
        pass


def test_nobody_is_calling_where_nobody_came_in() -> None:
    with pytest.raises(LookupError):
        copy_context().run(calling)


def test_a_key_is_taken_from_either_header_and_from_metadata(path: Path) -> None:
    key = add_key(path, "a", list(Scope), _NO_LIMITS)
    access = Access(path, _NO_LIMITS, failures)
    for name, value in (
        ("authorization", f"Bearer {key}"),
        ("authorization", f"bearer  {key} "),
        ("x-api-key", key),
    ):
        assert over_http(access, name, value).name == "a"
        assert enter(lambda entry=(name, value): access.enter_rpc([entry])).name == "a"  # type: ignore[misc]
    both = [(b"x-api-key", key.encode()), (b"authorization", b"Basic for the proxy")]
    assert enter(lambda: access.enter_http(both)).name == "a"
    assert enter(lambda: access.enter_http(both[::-1])).name == "a"


@pytest.mark.parametrize("value", ["", "cdk_", "ä" * 40, "x" * 100_000, "cdk_" + "A" * 43])
def test_any_other_key_is_refused_and_not_repeated(path: Path, value: str) -> None:
    add_key(path, "a", list(Scope), _NO_LIMITS)
    access = Access(path, _NO_LIMITS, failures)
    for name, text in (("authorization", f"Bearer {value}"), ("x-api-key", value), ("cookie", value)):
        with pytest.raises(ServiceError) as caught:
            over_http(access, name, text)
        assert caught.value.condition is Condition.UNAUTHENTICATED
        assert not value or value not in caught.value.message


def test_a_key_is_good_for_its_scopes_only(path: Path) -> None:
    access_of = {scope: add_key(path, scope, [scope], _NO_LIMITS) for scope in Scope}
    access = Access(path, _NO_LIMITS, failures)
    for scope, key in access_of.items():
        caller = by_key(access, key)
        for operation in ("encode", "decode"):
            if scope == operation:
                caller.begin(operation)
            else:
                with pytest.raises(ServiceError, match=operation) as caught:
                    caller.begin(operation)
                assert caught.value.condition is Condition.PERMISSION_DENIED
        with pytest.raises(ServiceError, match="not good for"):
            caller.begin("reconstruct")


def test_limits_are_the_key_s_own_or_else_the_service_s(path: Path) -> None:
    own = add_key(path, "own", list(Scope), CallerLimits(max_streams=2))
    none = add_key(path, "none", list(Scope), _NO_LIMITS)
    access = Access(path, CallerLimits(max_streams=1), failures)
    for key, most in ((own, 2), (none, 1)):
        quota = by_key(access, key).quota
        for _ in range(most):
            quota.open_stream()
        with pytest.raises(ServiceError, match=f"{most} live streams"):
            quota.open_stream()


def test_a_changed_file_is_taken_over_and_use_is_kept(path: Path) -> None:
    old = add_key(path, "old", list(Scope), CallerLimits(max_streams=1))
    access = Access(path, _NO_LIMITS, failures)
    caller = by_key(access, old)
    caller.quota.open_stream()
    new = add_key(path, "new", list(Scope), _NO_LIMITS)
    with pytest.raises(ServiceError):
        by_key(access, new)
    access.refresh()
    assert by_key(access, new).name == "new"
    assert by_key(access, old) is caller
    with pytest.raises(ServiceError, match="1 live streams"):
        caller.quota.open_stream()
    remove_key(path, "old")
    access.refresh()
    assert caller.is_revoked
    assert not by_key(access, new).is_revoked
    with pytest.raises(ServiceError, match="withdrawn"):
        by_key(access, old)


@pytest.mark.parametrize("content", ["nonsense\n", None])
def test_a_broken_file_leaves_the_keys_in_force(path: Path, content: str | None) -> None:
    key = add_key(path, "a", list(Scope), _NO_LIMITS)
    told: list[str] = []
    access = Access(path, _NO_LIMITS, told.append)
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    access.refresh()
    access.refresh()
    assert told == ["keys"]
    assert by_key(access, key).name == "a"


async def test_every_task_has_the_caller_that_came_in_there(path: Path) -> None:
    keys = [add_key(path, f"a{number}", list(Scope), _NO_LIMITS) for number in range(5)]
    access = Access(path, _NO_LIMITS, failures)

    async def serve(key: str) -> str:
        access.enter_rpc([("x-api-key", key)])
        await asyncio.sleep(0.01)
        return calling().name

    names = await asyncio.gather(*map(serve, keys))
    assert names == [f"a{number}" for number in range(5)]


def test_a_look_at_the_key_costs_microseconds(path: Path) -> None:
    keys = [add_key(path, f"a{number}", list(Scope), _NO_LIMITS) for number in range(50)]
    access = Access(path, _NO_LIMITS, failures)
    headers = [(b"host", b"x"), (b"content-length", b"9"), (b"authorization", f"Bearer {keys[25]}".encode())]

    def once() -> float:
        began = time.process_time()
        for _ in range(1000):
            access.enter_http(headers)
            calling().begin("encode")
        return (time.process_time() - began) / 1000

    # Measured 3 us; a cost that grows with the file, or a slow hash, would show.
    assert min(once() for _ in range(5)) < 30e-6

"""Whose pages may connect."""

import pytest

from service.frontend.origins import Origins
from service.status import Condition, ServiceError


def check(origins: Origins, host: str, *said: str) -> None:
    headers = [(b"accept", b"*/*"), *((b"origin", origin.encode("latin-1")) for origin in said)]
    origins.check([*headers, (b"host", host.encode())])


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("127.0.0.1:8000", ()),
        ("127.0.0.1:8000", ("http://127.0.0.1:8000",)),
        ("[::1]:8000", ("http://[::1]:8000",)),
        ("Codec.Example", ("https://codec.example",)),
        ("codec.example", ("https://friend.example:8443",)),
        ("codec.example", ("https://FRIEND.example:8443",)),
    ],
)
def test_own_pages_friends_and_programs_come_in(host: str, said: tuple[str, ...]) -> None:
    check(Origins(["https://Friend.example:8443"]), host, *said)


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("127.0.0.1:8000", ("https://foe.example",)),
        ("127.0.0.1:8000", ("http://127.0.0.1:8001",)),
        ("127.0.0.1:8000", ("http://127.0.0.1",)),
        ("codec.example", ("https://codec.example.foe",)),
        ("codec.example", ("https://foe.example", "https://codec.example")),
        ("codec.example", ("https://friend.example",)),
        ("codec.example", ("null",)),
        ("", ("null",)),
        ("", ("",)),
        ("codec.example", ("file://codec.example",)),
        ("codec.example", ("http://[codec.example",)),
        ("codec.example", ("ä" * 5000,)),
    ],
)
def test_all_others_are_refused(host: str, said: tuple[str, ...]) -> None:
    with pytest.raises(ServiceError, match="--allow-origin") as caught:
        check(Origins(["https://friend.example:8443"]), host, *said)
    assert caught.value.condition is Condition.PERMISSION_DENIED
    assert len(caught.value.message) < 400

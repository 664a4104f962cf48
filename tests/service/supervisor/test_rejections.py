"""What was refused stays refused until somebody asks again."""

from codec.repository import Channel
from service.supervisor.channel_target import ChannelTarget
from service.supervisor.rejections import Rejections
from service.supervisor.seat import Rejection

VERSION = "2-0123456789ab"


def target(name: str, generation: int) -> ChannelTarget:
    made = ChannelTarget("model", name, is_default=False)
    made.wanted = Channel(version=VERSION, generation=generation)
    return made


def test_a_rejection_holds_until_the_channel_moves() -> None:
    rejections = Rejections("model")
    stable, canary = target("stable", 3), target("canary", 1)
    assert not rejections.holds(stable)
    rejections.add(VERSION, Rejection("golden", "codes differ"), [stable])
    assert rejections.holds(stable)
    assert not rejections.holds(canary), "somebody points another channel at it: try again"
    assert not rejections.holds(target("stable", 4))
    assert rejections.listed() == [{"version": VERSION, "stage": "golden", "reason": "codes differ"}]
    rejections.forgive(VERSION)
    assert rejections.listed() == []


def test_only_what_may_have_changed_is_forgiven() -> None:
    rejections = Rejections("model")
    rejections.add("1-a", Rejection("memory", "no room"), [])
    rejections.add("2-b", Rejection("golden", "codes differ"), [])
    rejections.forgive_stage("memory")
    assert [rejected["version"] for rejected in rejections.listed()] == ["2-b"]


def test_the_list_is_bounded_and_keeps_the_latest() -> None:
    rejections = Rejections("model")
    for number in range(100):
        rejections.add(f"{number}-a", Rejection("load", "x"), [])
    listed = [rejected["version"] for rejected in rejections.listed()]
    assert len(listed) == 32
    assert listed[-1] == "99-a"

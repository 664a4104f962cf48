"""One number of which several processes have a part."""

from service.frontend.account import Account, Figure


def test_every_front_end_writes_its_own_part_and_sees_the_others() -> None:
    cells = memoryview(bytearray(24)).cast("d")
    mine = Figure(cells[0:1], (cells[1:2], cells[2:3]))
    yours = Figure(cells[1:2], (cells[0:1], cells[2:3]))
    mine.own += 1.5
    yours.own += 2
    assert (mine.own, mine.others, yours.own, yours.others) == (1.5, 2.0, 2.0, 1.5)


def test_alone_there_are_no_others() -> None:
    account = Account.alone()
    account.streams.own += 1
    assert (account.streams.own, account.streams.others, account.requests.own) == (1.0, 0.0, 0.0)

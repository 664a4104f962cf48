"""An item scheduler on the checksum engine, without sockets, with a clock that tests turn."""

from service.ipc import Kind, Message, Operation
from service.item import Item
from service.status import Condition
from service.worker.item_scheduler import ItemModel, ItemScheduler, ItemSchedulerConfig
from tests.service.worker.item_oracle import GEOMETRY, ItemOracle, audio_item, costs, cutter

CONFIG = ItemSchedulerConfig(max_jobs=4)


class ItemBench:
    """A scheduler on an oracle engine, a clock that tests turn, and all that was sent."""

    def __init__(self, config: ItemSchedulerConfig = CONFIG) -> None:
        self.sent: list[tuple[int, Message]] = []
        self.now_ns = 1_000_000_000
        self.engine = ItemOracle(self.take_time)
        model = ItemModel(GEOMETRY, cutter(), self.engine, costs())
        self.scheduler = ItemScheduler(model, self._emit, config, clock=lambda: self.now_ns)

    def take_time(self, pieces: int, frames: int) -> None:
        """Steps take as long as the cost model says."""
        self.now_ns += round(costs()[Operation.ENCODE].seconds(pieces, frames, 3) * 1e9)

    def _emit(self, connection: int, message: Message) -> None:
        self.sent.append((connection, message))

    def send(self, *messages: Message, connection: int = 1) -> None:
        for message in messages:
            self.scheduler.handle(connection, message)

    def run(self) -> list[Message]:
        """Step until there is nothing to do; what was sent since the last call."""
        while self.scheduler.step():
            pass
        messages = [message for _, message in self.sent]
        self.sent.clear()
        return messages


def encode_job(session: int, n_samples: int, n_q: int = 3, deadline_ns: int = 0) -> Message:
    """A job on `audio_item` with the session as its seed."""
    payload = audio_item(n_samples, session).pack()
    return Message(Kind.JOB, session, Operation.ENCODE, n_q, value=deadline_ns, payload=payload)


def decode_job(session: int, item: Item, n_q: int) -> Message:
    """A job on codes."""
    return Message(Kind.JOB, session, Operation.DECODE, n_q, payload=item.pack())


def conditions(messages: list[Message]) -> list[Condition]:
    """Of the failures among the messages."""
    return [Condition(message.value) for message in messages if message.kind is Kind.FAILED]

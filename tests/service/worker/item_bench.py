"""An item scheduler on the checksum engine, without sockets, with a clock that tests turn."""

from service.ipc import Kind, Message, Operation
from service.item import Item
from service.status import Condition
from service.worker.item_scheduler import ItemModel, ItemScheduler, ItemSchedulerConfig
from tests.service.worker.bench import SchedulerDriver
from tests.service.worker.item_oracle import GEOMETRY, ItemOracle, audio_item, costs, cutter

CONFIG = ItemSchedulerConfig(max_jobs=4)


class ItemBench(SchedulerDriver):
    """A scheduler on an oracle engine, whose steps take as long as the cost model says."""

    def __init__(
        self, config: ItemSchedulerConfig = CONFIG, cost: tuple[float, float] = (0.001, 0.002)
    ) -> None:
        super().__init__()
        self.cost = costs(*cost)
        self.engine = ItemOracle(self.take_time)
        model = ItemModel(GEOMETRY, cutter(), self.engine, self.cost)
        self.announced: list[float] = []
        self.scheduler: ItemScheduler = ItemScheduler(
            model, self.emit, config, self.announced.append, clock=lambda: self.now_ns
        )

    def take_time(self, pieces: int, frames: int) -> None:
        self.pass_time(self.cost[Operation.ENCODE].seconds(pieces, frames, 3))


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

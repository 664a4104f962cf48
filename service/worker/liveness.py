"""What a worker tells the supervisor so as not to be taken for hung."""

import logging

from service.worker.control import ControlLine

_LOG = logging.getLogger(__name__)
_STEP_FACTOR = 10.0
_LONG_STEP_FACTOR = 3.0


class Liveness:
    """`silent_seconds`: for how long the worker may say nothing, unless it has announced a long step.

    Such a step may take ten times what was predicted, and three times `silent_seconds` besides.
    """

    def __init__(self, control: ControlLine, silent_seconds: float) -> None:
        self._silent_seconds = silent_seconds
        self._control = control

    def tell(self) -> None:
        """The worker is alive, between two steps."""
        self._send(self._silent_seconds)

    def expect(self, step_seconds: float) -> None:
        """A step that is predicted to take so long comes next."""
        step_seconds *= _STEP_FACTOR
        if step_seconds > self._silent_seconds:
            self._send(_LONG_STEP_FACTOR * self._silent_seconds + step_seconds)

    def _send(self, silent_seconds: float) -> None:
        try:
            self._control.send({"event": "alive", "silent_seconds": silent_seconds})
        except ConnectionError as error:
            # The end of the line is seen, and obeyed, where it is read.
            _LOG.warning("the supervisor does not listen", extra={"reason": str(error)})

"""Entry of the front end process: `python -m service.frontend --control-fd N`."""

import argparse
import gc
import logging
import sys

import uvloop

from codec.errors import CodecError
from service.config import ServeConfig
from service.frontend.control import ControlLink
from service.frontend.frontend import Frontend
from service.logs import configure_logging

_GC_THRESHOLD = 20_000


async def serve(control_fd: int) -> None:
    """Run a front end under the supervisor at the other end of the control socket."""
    control = ControlLink()
    message = await control.open(control_fd)
    frontend = Frontend(ServeConfig.from_message(message), control)
    # Start-up made what lives as long as the process; the collector need not look at it again.
    gc.collect()
    gc.freeze()
    # Requests leave hardly any cycles behind; looking for them every 700 objects takes 3 % of the time.
    gc.set_threshold(_GC_THRESHOLD)
    await frontend.run()


def main() -> int:
    """Parse the command line and serve; the exit status."""
    parser = argparse.ArgumentParser(prog="service.frontend")
    parser.add_argument("--control-fd", type=int, required=True)
    arguments = parser.parse_args()
    configure_logging("frontend")
    try:
        uvloop.run(serve(arguments.control_fd))
    except (EOFError, OSError, CodecError) as error:
        logging.getLogger(__name__).error("the front end cannot run: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

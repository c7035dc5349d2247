"""What the log leaves out."""

from __future__ import annotations

import logging
from typing import Final

# uvicorn's two lines for each socket, the first of which quotes the address with what may be a token in it.
_OF_SOCKETS: Final = ('%s - "WebSocket %s"', "connection open", "connection closed", "connection rejected")


class WithoutSockets(logging.Filter):
    """For uvicorn's logger: drops its lines about single sockets."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith(_OF_SOCKETS)

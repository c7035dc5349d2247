"""What the server is told at the beginning of a connection that may hold locks."""

from __future__ import annotations

from typing import Final

# A process that dies closes its connections. A machine that loses its power or its network does not: the server would
# keep its claims and its transactions' locks until the kernel asks after the peer, two hours later, and until then
# nobody loads history, or stores a minute of the symbol that was being written. As the client does on its side.
NOTICE_A_LOST_CLIENT: Final = (
    "SELECT set_config('tcp_keepalives_idle', '10', false),"
    " set_config('tcp_keepalives_interval', '5', false),"
    " set_config('tcp_keepalives_count', '3', false)"
)

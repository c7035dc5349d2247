"""The message that carries live candles from the collectors to every web process. This module alone knows its form.

Candles travel whole, never as differences: a channel layer may drop a message, and the next one repairs that.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from channels.layers import get_channel_layer

from market.domain.candle import Candle

_row: Final = attrgetter(*(field.name for field in fields(Candle)))

# One member per web process: its hub.
GROUP: Final = "market.live"
# The name of the hub's handler, in the form that the channel layer's messages want.
TYPE: Final = "market.candles"


async def publish(candles: Sequence[Candle]) -> None:
    """Send these candles to every hub, in this order, as one message."""
    layer = get_channel_layer()
    if layer is not None and candles:
        await layer.group_send(GROUP, message(candles))


def message(candles: Iterable[Candle]) -> dict[str, Any]:
    return {"type": TYPE, "at": time.time(), "rows": [_row(candle) for candle in candles]}


def candles_of(received: Mapping[str, Any]) -> list[Candle]:
    """The candles of a received message, in the order in which they were published."""
    return [Candle(*row) for row in received["rows"]]


def age_of(received: Mapping[str, Any]) -> float | None:
    """Seconds since the message was made, as far as the two machines' clocks agree; None where it doesn't say."""
    return None if "at" not in received else float(time.time() - received["at"])

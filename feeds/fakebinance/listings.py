"""What the double lists: names, grids and characters of its symbols."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from feeds.fakebinance.bars import Scale
from feeds.fakebinance.noise import key_of

# What the exchange writes as the delivery date of a contract without an end.
NEVER_MS: Final = 4_133_404_800_000


@dataclass(frozen=True, slots=True)
class Listing:
    """One symbol of the exchange.

    `price_decimals` and `quantity_decimals` are the printed decimals; a tick is `tick` units of the last printed
    price digit (BTCUSDT prints 2 decimals and moves by 0.10), a step one unit of the last quantity digit.
    `base_price` is the long-run price in the quote asset, `daily_move` the typical relative move of a day,
    `minute_volume` a quiet minute's volume in the base asset, `quiet` the share of minutes without a trade.
    """

    name: str
    base_asset: str
    price_decimals: int
    quantity_decimals: int
    tick: int
    base_price: float
    daily_move: float
    minute_volume: float
    quiet: float
    onboard_ms: int
    delivery_ms: int = NEVER_MS
    quote_asset: str = "USDT"
    status: str = "TRADING"
    themes: tuple[str, ...] = ("Layer-1",)
    quote_decimals: int | None = None

    @property
    def scale(self) -> Scale:
        """Quote amounts have the decimals of a price times a quantity, unless the listing says otherwise."""
        product = self.price_decimals + self.quantity_decimals
        quote = product if self.quote_decimals is None else self.quote_decimals
        return Scale(self.price_decimals, self.quantity_decimals, quote)

    def settled_at(self, delivery_ms: int) -> Listing:
        """The same symbol, delisted at that instant."""
        return replace(self, delivery_ms=delivery_ms, status="SETTLING")


# Grids and dates as the exchange listed them in July 2026; prices and volumes only have to look plausible.
CATALOGUE: Final[dict[str, Listing]] = {
    listing.name: listing
    for listing in (
        Listing("BTCUSDT", "BTC", 2, 3, 10, 68_000.0, 0.028, 90.0, 0.0, 1_567_965_300_000, themes=("PoW",)),
        Listing("ETHUSDT", "ETH", 2, 3, 1, 3_100.0, 0.036, 900.0, 0.0, 1_574_840_700_000),
        Listing("BNBUSDT", "BNB", 3, 2, 10, 590.0, 0.030, 380.0, 0.0005, 1_581_321_600_000),
        Listing("SOLUSDT", "SOL", 4, 2, 100, 152.0, 0.046, 5_200.0, 0.0, 1_600_066_800_000),
        Listing("XRPUSDT", "XRP", 4, 1, 1, 0.92, 0.044, 240_000.0, 0.0, 1_578_298_800_000, themes=("Payment",)),
        Listing("DOGEUSDT", "DOGE", 6, 0, 10, 0.163, 0.052, 900_000.0, 0.0002, 1_594_371_600_000, themes=("Meme",)),
        Listing("ADAUSDT", "ADA", 5, 0, 10, 0.56, 0.047, 110_000.0, 0.001, 1_580_457_600_000),
        Listing("AVAXUSDT", "AVAX", 4, 0, 10, 31.0, 0.050, 4_300.0, 0.002, 1_600_844_400_000),
        Listing("LINKUSDT", "LINK", 3, 2, 1, 16.4, 0.046, 6_400.0, 0.002, 1_579_248_000_000),
        Listing("LTCUSDT", "LTC", 2, 3, 1, 87.0, 0.036, 1_300.0, 0.004, 1_578_557_100_000, themes=("Payment",)),
        Listing("1000PEPEUSDT", "1000PEPE", 7, 0, 1, 0.0104, 0.066, 5_500_000.0, 0.001, 1_683_244_800_000),
        Listing("HYPEUSDT", "HYPE", 5, 2, 100, 34.0, 0.058, 8_000.0, 0.001, 1_748_601_000_000, themes=("DeFi",)),
        Listing("币安人生USDT", "币安人生", 7, 0, 1_000, 0.21, 0.095, 30_000.0, 0.02, 1_760_958_000_000),
        Listing("OMGUSDT", "OMG", 4, 1, 1, 0.62, 0.055, 4_000.0, 0.02, 1_593_680_400_000).settled_at(1_738_314_000_000),
    )
}


def listing_of(name: str) -> Listing:
    """The catalogue's entry, or for any other name an invented one that is the same every time.

    ValueError for a name that is empty, has lower-case letters or does not end in USDT.
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    if name != name.upper() or not name.endswith("USDT") or name == "USDT" or any(c in name for c in "/?#%& \t\n"):
        raise ValueError(f"symbol {name!r}: expected an upper-case name ending in USDT, such as BTCUSDT")
    dice = key_of("listing", name)
    # From 0.01 to 100 in thirteen steps, six printed digits or so of each price.
    base_price = 10.0 ** (-2 + (dice % 13) / 3.0)
    price_decimals = 4 if base_price < 10 else 2
    return Listing(
        name=name,
        base_asset=name.removesuffix("USDT"),
        price_decimals=price_decimals + (2 if base_price < 0.5 else 0),
        quantity_decimals=dice // 13 % 3,
        tick=1,
        base_price=base_price,
        daily_move=0.03 + (dice // 64 % 50) / 1_000.0,
        minute_volume=40_000.0 / base_price,
        quiet=(dice // 4096 % 4) / 1_000.0,
        onboard_ms=1_600_000_200_000 + dice // 8192 % 1_000 * 86_400_000,
    )

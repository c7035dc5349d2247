"""How benchmarks report: one table each, with the figure, the bound and whether it is met."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print the table, and how busy the machine is: figures of a busy one are not figures of the product."""
    table = Table(*columns)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    console = Console(width=120)
    # Not the table's own title, which would be folded to the table's width.
    console.print(f"\n{title}", highlight=False)
    console.print(table)
    console.print(f"{os.cpu_count()} processors, load average {', '.join(f'{load:.1f}' for load in os.getloadavg())}")


def verdict(*, met: bool) -> str:
    return "met" if met else "NOT met"

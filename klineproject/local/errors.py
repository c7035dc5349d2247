"""Errors of the local services.

LocalError          anything that stops `up`; its text is shown to the user as it is
└── Unavailable     one way of finding the programs does not work here; the next one is tried
"""


class LocalError(Exception):
    """Says what was wrong, what was expected and what to do; printed without a traceback."""


class Unavailable(LocalError):
    """A finder found nothing. Its text completes the sentence "<where>: ..."."""

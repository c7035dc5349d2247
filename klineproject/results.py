"""Where the states of tasks are kept: the database, which may be away."""

from __future__ import annotations

import logging
from typing import Any

from django.db import Error, connection
from django_celery_results.backends.database import DatabaseBackend  # type: ignore[import-untyped]

logger = logging.getLogger(__name__)


class PatientDatabaseBackend(DatabaseBackend):  # type: ignore[misc]  # The library has no types.
    """Loses a task's state rather than the task when the database does not take it."""

    def _store_result(self, task_id: str, result: Any, status: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return super()._store_result(task_id, result, status, *args, **kwargs)
        except Error as error:
            connection.close_if_unusable_or_obsolete()
            logger.warning("the state %s of task %s is not kept: %s", status, task_id, error)
            return result

    def cleanup(self) -> None:
        """Remove what has expired; what cannot be removed now goes the next day."""
        try:
            super().cleanup()
        except Error as error:
            connection.close_if_unusable_or_obsolete()
            logger.warning("expired states of tasks could not be removed: %s", error)

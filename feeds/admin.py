"""What has become of Celery's tasks: those that do what operators have asked for, and all that failed."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django_celery_results.models import GroupResult, TaskResult

from market.desk.base import ReadOnlyAdmin
from market.desk.formats import badge

_MOODS = {"SUCCESS": "good", "FAILURE": "bad", "RETRY": "bad", "STARTED": "busy"}
_LINE = 200


class TaskResultAdmin(ReadOnlyAdmin):
    list_display = ("task_name", "state", "outcome", "date_created", "date_done", "worker")
    list_filter = ("status", "task_name", "date_done")
    search_fields = ("task_name", "task_id", "result")
    fields = ("task_name", "task_id", "status", "worker", "date_created", "date_started", "date_done", "result",
              "traceback")  # fmt: skip
    show_full_result_count = False

    @admin.display(description="state", ordering="status")
    def state(self, task: TaskResult) -> SafeString:
        return badge(task.status.lower(), _MOODS.get(task.status, "plain"))

    @admin.display(description="outcome", empty_value="-")
    def outcome(self, task: TaskResult) -> str | None:
        """What the task said, or what it failed of."""
        text = task.result or ""
        return (text if len(text) <= _LINE else f"{text[:_LINE]}…") or None


# The library's own pages would let rows be added.
admin.site.unregister([TaskResult, GroupResult])
admin.site.register(TaskResult, TaskResultAdmin)

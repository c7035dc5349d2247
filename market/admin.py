"""The operator's pages, by model; see `market.desk`."""

from __future__ import annotations

from django.contrib import admin

from market.desk.collectors import CollectorAdmin
from market.desk.jobs import JobAdmin
from market.desk.ledger import ArchiveFileAdmin, LedgerDayAdmin
from market.desk.symbols import SymbolAdmin
from market.models import ArchiveFile, Collector, Job, LedgerDay, Symbol

admin.site.register(Symbol, SymbolAdmin)
admin.site.register(Job, JobAdmin)
admin.site.register(LedgerDay, LedgerDayAdmin)
admin.site.register(ArchiveFile, ArchiveFileAdmin)
admin.site.register(Collector, CollectorAdmin)

"""Collectors, their leases and the wish for all of them."""

import uuid

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("market", "0002_candle_tables")]

    operations = [
        migrations.CreateModel(
            name="Collector",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("host", models.CharField(max_length=255)),
                ("pid", models.PositiveIntegerField()),
                ("started_at", models.DateTimeField(db_default=Now())),
                ("seen_at", models.DateTimeField(db_default=Now(), help_text="By the database's clock.")),
                (
                    "is_active",
                    models.BooleanField(
                        default=True, help_text="Takes shards; false while the wish is to stand still."
                    ),
                ),
                (
                    "is_connected",
                    models.BooleanField(default=False, help_text="Candles of the stream are coming."),
                ),
                ("connections", models.PositiveIntegerField(default=0)),
                ("symbols", models.PositiveIntegerField(default=0)),
            ],
            options={"ordering": ("started_at",)},
        ),
        migrations.CreateModel(
            name="CollectorShard",
            fields=[
                ("number", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("expires_at", models.DateTimeField(db_default=Now(), help_text="By the database's clock.")),
                (
                    "holder",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="shards",
                        to="market.collector",
                    ),
                ),
            ],
            options={"ordering": ("number",)},
        ),
        migrations.CreateModel(
            name="CollectorWish",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("is_running", models.BooleanField(default=True)),
                (
                    "generation",
                    models.PositiveIntegerField(default=0, help_text="A collector of an older one starts anew."),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="collector_wish_is_one_row")
                ],
            },
        ),
    ]

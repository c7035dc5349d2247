"""Long pieces of work that operators ask for."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [
        ("market", "0005_conflicting_minutes_and_shard_counts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Job",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("load", "load what is missing"),
                            ("repair", "repair gaps"),
                            ("verify", "verify"),
                            ("correct", "verify and correct"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("running", "running"),
                            ("done", "done"),
                            ("findings", "done, with findings"),
                            ("failed", "failed"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="waiting",
                        max_length=9,
                    ),
                ),
                ("wished_by", models.CharField(help_text="The operator's name.", max_length=150)),
                ("wished_at", models.DateTimeField(db_default=Now())),
                (
                    "started_at",
                    models.DateTimeField(
                        help_text="When a worker took it, the last one if there were several.", null=True
                    ),
                ),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "runner",
                    models.UUIDField(help_text="The turn that has it; nobody else may report on it.", null=True),
                ),
                (
                    "seen_at",
                    models.DateTimeField(help_text="Its worker's last word, by the database's clock.", null=True),
                ),
                (
                    "steps",
                    models.PositiveIntegerField(default=0, help_text="Months to go through; 0 until that is known."),
                ),
                ("steps_done", models.PositiveIntegerField(default=0)),
                ("text", models.TextField(default="", help_text="How far it is, then what came of it.")),
                (
                    "symbol",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="jobs", to="market.symbol"
                    ),
                ),
            ],
            options={
                "ordering": ("-wished_at", "-id"),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["waiting", "running"])),
                        fields=("symbol",),
                        name="job_one_open_a_symbol",
                    )
                ],
            },
        ),
    ]

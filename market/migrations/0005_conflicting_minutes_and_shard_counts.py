"""Which minutes are in conflict, so that none counts twice; and each collector's number of shards."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("market", "0004_symbol_tracked_at")]

    operations = [
        migrations.AddField(
            model_name="ledgerday",
            name="conflicting",
            field=models.BinaryField(help_text="Which minutes: one bit for each, the day's first lowest.", null=True),
        ),
        migrations.AddField(
            model_name="collector",
            name="shard_count",
            field=models.PositiveSmallIntegerField(
                default=8, help_text="Its setting COLLECTOR_SHARDS. All follow the one that has run longest."
            ),
        ),
    ]

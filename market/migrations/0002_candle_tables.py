"""The hypertables of minutes and of every higher timeframe.

One table for each interval, all with the same columns, so that one statement reads any of them. Chunks are as long as
to hold some ten thousand rows of a symbol, so that a chart's page touches one or two. The primary key is the only
index: every read names a symbol and a range of time, and an index on time alone would cost each write for nothing.

SQL-owned: no Django model stands for these tables.
"""

from django.db import migrations

# (table, chunk length in days, has a source column)
TABLES = (
    ("candle_1m", 30, True),
    ("candle_5m", 180, False),
    ("candle_15m", 720, False),
    ("candle_1h", 3_600, False),
    ("candle_4h", 7_200, False),
    ("candle_1d", 36_000, False),
    ("candle_1w", 36_000, False),
    ("candle_1mo", 36_000, False),
)


def create(table: str, chunk_days: int, has_source: bool) -> str:
    # Eight-byte columns first, so that rows carry no padding.
    source = "source smallint NOT NULL," if has_source else ""
    return f"""
        CREATE TABLE IF NOT EXISTS {table} (
            time timestamptz NOT NULL,
            open double precision NOT NULL,
            high double precision NOT NULL,
            low double precision NOT NULL,
            close double precision NOT NULL,
            volume double precision NOT NULL,
            quote_volume double precision NOT NULL,
            taker_buy_volume double precision NOT NULL,
            taker_buy_quote_volume double precision NOT NULL,
            symbol_id integer NOT NULL,
            trade_count integer NOT NULL,
            {source}
            PRIMARY KEY (symbol_id, time)
        );
        SELECT create_hypertable('{table}', by_range('time', INTERVAL '{chunk_days} days'),
                                 create_default_indexes => false, if_not_exists => true);
    """


class Migration(migrations.Migration):
    dependencies = [("market", "0001_initial")]

    operations = [
        # Reversing leaves the extension: other databases' objects may be none of ours to drop.
        migrations.RunSQL("CREATE EXTENSION IF NOT EXISTS timescaledb", migrations.RunSQL.noop),
        *(
            migrations.RunSQL(create(table, days, has_source), f"DROP TABLE IF EXISTS {table}")
            for table, days, has_source in TABLES
        ),
    ]

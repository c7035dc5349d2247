"""When the ledger of a symbol has last changed, its last days apart.

The sums over years of it are kept by whoever shows them, until they have changed. The days that the stream writes to
all the time are left out: they are few, and summed anew each time. `market.store.progress` reads this, and its
constant of the same length depends on the days named here.

SQL-owned: no Django model stands for this table. It refers to symbols by id without a constraint, as candles do.
"""

from django.db import migrations

CREATE = """
    CREATE TABLE IF NOT EXISTS market_ledgerchange (
        symbol_id integer PRIMARY KEY,
        changed_at timestamptz NOT NULL
    );

    -- For each statement, whoever makes it. In the order of the symbols, so that no two can wait for each other.
    CREATE OR REPLACE FUNCTION market_ledger_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO market_ledgerchange AS known (symbol_id, changed_at)
        SELECT symbol_id, clock_timestamp()
          FROM changed
         WHERE day < (now() AT TIME ZONE 'UTC')::date - 3
         GROUP BY symbol_id
         ORDER BY symbol_id
            ON CONFLICT (symbol_id) DO UPDATE SET changed_at = excluded.changed_at;
        RETURN NULL;
    END $$;

    CREATE OR REPLACE FUNCTION market_ledger_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE market_ledgerchange SET changed_at = clock_timestamp();
        RETURN NULL;
    END $$;

    CREATE OR REPLACE TRIGGER ledger_inserted AFTER INSERT ON market_ledgerday
        REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION market_ledger_changed();
    CREATE OR REPLACE TRIGGER ledger_updated AFTER UPDATE ON market_ledgerday
        REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION market_ledger_changed();
    CREATE OR REPLACE TRIGGER ledger_deleted AFTER DELETE ON market_ledgerday
        REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION market_ledger_changed();
    CREATE OR REPLACE TRIGGER ledger_emptied AFTER TRUNCATE ON market_ledgerday
        FOR EACH STATEMENT EXECUTE FUNCTION market_ledger_emptied();
"""

DROP = """
    DROP TRIGGER IF EXISTS ledger_inserted ON market_ledgerday;
    DROP TRIGGER IF EXISTS ledger_updated ON market_ledgerday;
    DROP TRIGGER IF EXISTS ledger_deleted ON market_ledgerday;
    DROP TRIGGER IF EXISTS ledger_emptied ON market_ledgerday;
    DROP FUNCTION IF EXISTS market_ledger_changed();
    DROP FUNCTION IF EXISTS market_ledger_emptied();
    DROP TABLE IF EXISTS market_ledgerchange;
"""


class Migration(migrations.Migration):
    dependencies = [("market", "0006_operator_jobs")]

    operations = [migrations.RunSQL(CREATE, DROP)]

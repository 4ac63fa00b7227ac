"""Run by Alembic for each command. The caller hands in the connection and owns its transaction.

A revision's `upgrade` only adds (tables, columns that may be empty or have a default, indexes): programs of the version
before work on meanwhile. What only they need goes in a function `contract` beside it (`upgrade.py`).

A new revision: `alembic` is not needed on the path; copy the newest file of `versions`, and let the test that compares
the migrated tables with `tables.py` say what is missing.
"""

from alembic import context

from app.adapters.sql.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()

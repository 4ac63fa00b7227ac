"""The history of the tables, one revision a file in `versions`; `app.adapters.sql.upgrade` walks it."""

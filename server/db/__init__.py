"""The Postgres pool, transactions and migrations."""

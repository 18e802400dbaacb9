"""Broadcasts in Postgres and the reconciler that keeps them true."""

"""Accounts: register, change, delete."""

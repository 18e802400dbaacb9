"""Passwords, tokens, sessions and the guards at the doors."""

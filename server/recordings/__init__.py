"""Recordings: what is left of a broadcast when it is over, and while it lasts."""

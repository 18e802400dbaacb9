"""Channels: an owner's page, its keys, follows and roles."""

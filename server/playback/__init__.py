"""Playlists over HTTP, from the live windows in Redis to the player's request; how: `docs/hls.md`."""

"""Clients that know Leams only by its wire: HTTP, WebSocket and RTMP."""

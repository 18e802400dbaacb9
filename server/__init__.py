"""Every door of Leams: HTTP, WebSocket, hooks, SQL and the wiring."""

"""A client that follows a live HLS origin and judges it by the conformance list (`docs/hls.md`)."""

"""Debian's Chromium, headless, as the end-to-end tests and benches start it."""

import os

CHROMIUM_PATH = "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = [
    *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium's own sandbox refuses root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",  # no look-ups outside this machine
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--autoplay-policy=document-user-activation-required",
]

"""How viewers fare: what players tell of themselves, counted, measured, and kept by the minute."""

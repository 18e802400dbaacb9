"""Benchmarks: each prints figures as JSON on its last line; bench/README.md tells how to read them."""

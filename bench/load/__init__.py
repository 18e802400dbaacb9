"""The load generator: C sources, and how a bench compiles and drives them."""

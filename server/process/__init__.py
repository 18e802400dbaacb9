"""What every process of ours does at start: environment, logs, metrics, shutdown.  A leaf."""

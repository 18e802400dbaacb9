"""What `./run` does: provision the machine, supervise the processes, run the checks and the benches."""

"""Chat rooms: wire, rules, fan-out and history; imports nothing else of ours."""

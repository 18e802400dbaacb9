"""What a line must pass before it is said: one step a file, each pure; `chat/admission.py` has their order."""

"""What site staff may do."""

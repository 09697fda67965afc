"""What counts: attempts, lateness, and work that is the same."""

"""Turning a lab's checks into outcomes, and outcomes into a result."""

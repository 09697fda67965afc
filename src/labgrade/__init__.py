"""Grades Kubernetes lab work."""

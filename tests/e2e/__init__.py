"""Tests on real kind clusters."""

"""Piezo stages at a PI controller."""

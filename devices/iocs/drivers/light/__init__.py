"""Lasers and the shutter before them."""

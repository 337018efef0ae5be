"""Lifetime images in the session: looked at, stored, handed back at the prompt."""

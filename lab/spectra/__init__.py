"""Spectra in the session: looked at, compared with each other, stored, handed back at the prompt."""

"""Real instruments: backends that answer the protocols of `devices.iocs.backends`."""

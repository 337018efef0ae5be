"""Single emitters in the session: their registry, what their runs found, campaigns over many of them."""

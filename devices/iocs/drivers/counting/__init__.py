"""What hears the SPADs: pulse counters, or the card alone."""

"""The simulated bench: one sample, one clock, and the instruments that look at it."""

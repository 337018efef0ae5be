"""The night: a queue of plans that survives whatever dies, told on a page, reported in the morning."""

"""A queue for several operators: bluesky-queueserver around this lab's profile, with a Redis, keys and a watch."""

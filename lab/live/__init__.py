"""Live pictures: a window for each protocol, drawn by a thread of its own, in files, in a notebook, on a desktop."""

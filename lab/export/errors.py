"""Why there is no file."""


class ExportError(ValueError):
    """A run cannot become such a file; the message says what was given, what is allowed, and what to do."""

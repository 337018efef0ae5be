"""The spectrofluorometer, by way of its operator."""

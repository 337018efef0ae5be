"""Filters on wheels, or changed by hand."""

"""Conversations over a serial port or TCP, written down and played back."""

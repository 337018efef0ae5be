"""The lab and its past runs in a browser: read from the data folder alone, whether anything runs or not."""

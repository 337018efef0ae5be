"""Stored runs as everybody reads them: the catalog, exports, figures, pages, reports.

whereabouts   documents of a data folder that may have moved
ends, index   what runs there are, by the first and last lines of their files
analyses      which derived run is the analysis of which run
streams       numbers, rows of files, arrays of an analysis
again         results computed again, nothing written

Nothing here needs a process, an instrument, or storage.
"""

"""The running lab: what `lab.session` builds once, for IPython, scripts and the demo.

processes   config, services, processes, server, lock: start, find and end what runs beside the session
documents   journal, storage, encoding, catalog, finder: every document on disk first, then in the catalog
engine      engine, baseline, tether, memory, remembered: the RunEngine, its lease of the light, what it keeps
samples     samples, sample_records, twin_samples
analyses    analyses, with a room for each kind: `flim`, `spectra`, `emitters`
figures     `figures`: pictures of runs, where they come from, how they are drawn again
prompt      card, display, progress, prompt, wording
report      `report`, single_emitters: the paper's numbers beside ours
"""

"""Single emitters in the session.

registry    registry, places, placing, frames, store: an id for each emitter, found again after drift or remounting;
            tables: all that is known of it; campaigns: what was done, and what is left
runs        runs, told: what looks at a run; kinds, arrays, analyses: what is stored of it; looks: numbers for plans
results     results, shortcuts: of one run; groups, grouping, group_arrays, cohorts: of many
"""

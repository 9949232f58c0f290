"""What people and programs get to see of a run: tables, plots, and the files that `mmr run --out` writes.

`document` and `schema` are results as JSON; `grids` are the tables as text, which `tables` (terminal), `markdown` and
`latex` render; `plots` draws; `files` writes all of it; `comparison` reads it back for `mmr compare`.
"""

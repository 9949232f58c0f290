"""What people get to see: tables and plots of runs, comparisons, savings, studies and the authors' protocol.

`table` is what every table is; `terminal`, `writers` (Markdown, HTML, CSV) and `latex` write it. `run_tables`,
`savings_page`, `study_tables` and `authors_report` build tables, `run_files` and `study_files` write whole folders.
`plots` draws; `console` is the terminal itself.
"""

"""What was found: one model of a run, of savings and of studies, in memory and on disk."""

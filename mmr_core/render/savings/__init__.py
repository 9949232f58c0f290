"""The page, tables and plot of `mmr savings`."""

"""The program that runs submitted code inside the isolation.

It is started as `python -sP -S driver.py JOB_FOLDER`, reads that folder and nothing else, and writes one array file to
file descriptor 3. It imports `mmr_core` and this package alone, so that it works where the rest is absent.
"""

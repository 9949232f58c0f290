"""Runs the whole board: judges every submission, scores it, decides which are ranked, and in what order."""

"""Runs one plugin submission: writes what the isolated process may see, starts it, reads plain arrays, compares."""

"""Presets that follow the authors' released program to the letter, for `--protocol authors`."""

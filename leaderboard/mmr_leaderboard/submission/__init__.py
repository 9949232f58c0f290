"""A submission: its folder, its manifest, its decisions, and what is checked before anything runs."""

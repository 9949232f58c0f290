"""A submission: its folder, its manifest, its decisions, and what is checked of them before anything runs."""

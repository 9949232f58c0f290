"""A router that cannot be imported."""

raise RuntimeError("not today")

"""Runs a command so that the kernel, not Python, keeps it from everything but its own job."""

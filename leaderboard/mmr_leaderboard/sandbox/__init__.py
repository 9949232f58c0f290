"""Runs a command so that the kernel, not Python, confines it to its own job."""

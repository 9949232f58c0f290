"""The built-in fusions, one idea a module."""

"""The built-in importers, one idea a module."""

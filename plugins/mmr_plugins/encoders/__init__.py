"""The built-in encoders, one idea a module."""

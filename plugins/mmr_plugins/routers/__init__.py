"""The built-in routers, one idea a module."""

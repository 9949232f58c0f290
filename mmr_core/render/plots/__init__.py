"""Plots: the frontier plot and the charts of studies, drawn by one engine with one palette (needs matplotlib)."""

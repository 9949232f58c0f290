"""New plugins from packaged templates: `mmr plugins new` writes a complete distribution of one kind."""

from __future__ import annotations

from mmr_core.testing.scaffold.generate import SCAFFOLDED, PluginNames, names_for, render, write

__all__ = ["SCAFFOLDED", "PluginNames", "names_for", "render", "write"]

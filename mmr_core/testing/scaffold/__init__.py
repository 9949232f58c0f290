"""New plugins from packaged templates: `mmr plugins new` writes a complete distribution of one kind.

The templates lie in the folder beside this module: `common` for every kind, and one folder per kind.
"""

from __future__ import annotations

from mmr_core.testing.scaffold.naming import SCAFFOLDED, Names, names_for
from mmr_core.testing.scaffold.writing import render, write

__all__ = ["SCAFFOLDED", "Names", "names_for", "render", "write"]

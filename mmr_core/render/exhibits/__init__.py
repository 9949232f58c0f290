"""What studies show, as files: tables in Markdown, CSV and LaTeX, drawings, and one page that collects them all.

`writing.write_exhibits` is the way in. It takes the reports of studies and the facts of their run, and changes no
figure: sheets and drawings arrive as data, and here it is decided how they look.
"""

from __future__ import annotations

from mmr_core.render.exhibits.facts import RunFacts
from mmr_core.render.exhibits.writing import write_exhibits

__all__ = ["RunFacts", "write_exhibits"]

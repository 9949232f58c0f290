"""LaTeX that compiles what the renderer writes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mmr_core.render.latex import PACKAGES


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[[str], str]:
    """A function that compiles the text of a file to `\\input`, and returns LaTeX's log."""
    if shutil.which("pdflatex") is None and not os.environ.get("MMR_LATEX_REQUIRED"):
        pytest.skip("pdflatex is not installed")

    def compile_written(text: str) -> str:
        (tmp_path / "table.tex").write_text(text, encoding="utf-8")
        packages = f"\\usepackage{{{','.join(PACKAGES)}}}"
        page = f"\\documentclass{{article}}{packages}\\begin{{document}}\\input{{table}}\\end{{document}}"
        (tmp_path / "page.tex").write_text(page)
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        log = done.stdout.decode(errors="replace")
        assert done.returncode == 0, log[-1500:]
        assert (tmp_path / "page.pdf").stat().st_size > 1000
        return log

    return compile_written

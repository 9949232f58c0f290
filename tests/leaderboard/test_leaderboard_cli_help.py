"""What `mmr leaderboard` imports before it does anything."""

from __future__ import annotations

import subprocess
import sys

from mmr_core.cli import app, main
from mmr_core.registry import Registry


def test_for_a_command_of_the_benchmark_itself_nobody_elses_plugin_is_imported(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(app, "registry", lambda: asked.append("every plugin") or Registry.discover())
    assert main(["leaderboard", "--help"]) == 0
    assert "validate" in capsys.readouterr().out
    assert asked == []
    main(["--help"])
    assert asked == ["every plugin"]


def test_the_help_page_of_the_leaderboard_imports_nothing_heavy():
    program = (
        "import sys; from mmr_core.cli import main; main(['leaderboard', '--help']); "
        "print(sorted({'numpy', 'pandas', 'sklearn', 'torch', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"

"""`mmr plugins check`: the same checks without pytest, with an exit code, and JSON where it is asked for."""

from __future__ import annotations

import json
import sys
import types

import numpy as np
import pytest

from mmr_core.cli import main, plugin_commands
from mmr_core.contracts import Prediction
from mmr_core.plugins import Contribution, Discovery, PluginFailure, Provider
from mmr_core.registry import Registry
from mmr_core.specs import ComponentSpec, ModelSpec
from mmr_core.testing import CHECKS

PROVIDER = Provider(plugin="mine", distribution="mmr-mine", version="1.2")
BROKEN = Provider(plugin="broken", distribution="mmr-broken", version="0.1")


class Loud:
    """Predicts nothing, and says so on stdout.

    :param level: of everything.
    """

    default_fusion = None

    def __init__(self, *, seed=0, level=0.0):
        print("a router is made")
        self.level = level

    def fit(self, training):
        return self

    def predict(self, queries):
        shape = (len(queries), len(queries.pool))
        return Prediction(utility=np.full(shape, self.level), cost=np.ones(shape))


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """One loud router, one model, and one plugin that failed."""
    module = types.ModuleType("loud_plugin")
    module.Loud = Loud
    monkeypatch.setitem(sys.modules, "loud_plugin", module)
    specs = {
        "router": ComponentSpec(kind="router", name="loud", target="loud_plugin:Loud", summary=""),
        "model": ModelSpec(name="small", title="Small"),
    }
    failure = PluginFailure(provider=BROKEN, stage="import", reason="ValueError: early", traceback="Traceback ...")
    given = tuple(Contribution(word=word, spec=spec, provider=PROVIDER) for word, spec in specs.items())
    found = Registry(Discovery(providers=(PROVIDER,), contributions=given, failures=(failure,)))
    monkeypatch.setattr(plugin_commands, "registry", lambda: found)


def test_every_check_has_its_line_and_what_a_component_prints_is_not_among_the_results(capsys):
    assert main(["plugins", "check", "loud"]) == 0
    printed = capsys.readouterr()
    assert "router mmr-mine/loud 1.2" in printed.out
    for check in CHECKS["router"]:
        assert check.name in printed.out
    assert "a router is made" not in printed.out
    assert "a router is made" in printed.err
    assert printed.out.rstrip().endswith("12 passed, 2 skipped")


def test_with_json_there_is_json_and_nothing_else(capsys):
    assert main(["plugins", "check", "mmr-mine", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["passed"]) == ("mmr-mine", True)
    assert [(one["kind"], one["id"]) for one in told["components"]] == [
        ("router", "mmr-mine/loud"),
        ("model", "mmr-mine/small"),
    ]
    assert [one["name"] for one in told["components"][0]["checks"]] == [check.name for check in CHECKS["router"]]


def test_a_fault_is_told_and_makes_the_exit_code_one(capsys):
    assert main(["plugins", "check", "loud", "--set", "level=NaN", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    failed = {one["name"]: one for one in told["components"][0]["checks"] if one["verdict"] == "failed"}
    assert failed["finite-answers"]["contract"] == "mmr_core.contracts.Prediction"
    assert "not finite" in failed["finite-answers"]["came"]
    assert main(["plugins", "check", "loud", "--set", "level=NaN"]) == 1
    printed = capsys.readouterr().out
    for line in ("expected: predict returns a finite", "came: PluginError: router", "contract: mmr_core.contracts."):
        assert line in printed


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["lout"], "no component or distribution 'lout', did you mean 'loud'?; see 'mmr plugins list'"),
        (["loud", "--kind", "model"], "no model or distribution 'loud'"),
        (["loud", "--kind", "rooter"], "did you mean 'router'"),
        (["loud", "--set", "level"], "--set 'level' is not an assignment; write it as PARAMETER=VALUE"),
        (["loud", "--set", "levle=1"], "no parameter 'levle', did you mean 'level'"),
        (["small", "--set", "level=1"], "a model has no parameters"),
        (["loud", "--example", "file"], "no importer is checked"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_two(words, line, capsys):
    assert main(["plugins", "check", *words]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("error: ")
    assert line in told


def test_asking_for_a_plugin_that_failed_shows_why(capsys):
    assert main(["plugins", "check", "mmr-broken"]) == 1
    told = capsys.readouterr().err
    assert "import failed: ValueError: early" in told
    assert "Traceback ..." in told

"""A submission that runs in jobs answers exactly as it does in the engine, and what it does wrong is told apart."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import mmr_core
import mmr_leaderboard
import mmr_plugins
from mmr_core.features import EncodedFeatures
from mmr_core.runner.fit import answer
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.policies import Decided, Scored
from mmr_core.runner.prepare import prepare
from mmr_leaderboard.jobs.entry_run import run_entry
from mmr_leaderboard.jobs.job_writer import RouterRequest
from mmr_leaderboard.packaging.runtime import runtime
from mmr_leaderboard.sandbox.contract import IsolationError, Limits
from mmr_leaderboard.sandbox.selection import sandbox

CODES = {"not-deterministic", "ids-matter", "order-matters", "batch-matters", "subset-matters"}


def demand_equal(one, other) -> None:
    if isinstance(one, Scored):
        np.testing.assert_array_equal(one.pred_utility, other.pred_utility)
        np.testing.assert_array_equal(one.pred_cost, other.pred_cost)
        return
    assert isinstance(one, Decided)
    np.testing.assert_array_equal(one.trade_off, other.trade_off)
    for mine, yours in zip(one.probabilities, other.probabilities, strict=True):
        np.testing.assert_array_equal(mine, yours)


def found(run) -> list[str]:
    return [finding.code for finding in run.findings]


@pytest.mark.parametrize("name", ["kmeans", "linear", "random"])
def test_a_built_in_answers_as_in_the_engine_and_passes_every_check(name, run, column, registry):
    done = run(name=name)
    own = answer(column, Entrant(name=name), 0, registry, Options())
    demand_equal(done.policy, own.policy)
    assert done.trade_off == own.trade_off
    assert done.findings == ()
    assert {check.code for check in done.checks} == CODES | {"whitespace-flips", "image-flips"}
    assert all(check.changed == 0 and check.compared > 0 for check in done.checks if check.code in CODES)
    assert done.placebo is not None
    assert done.router["canonical_id"] == f"mmr-bench/{name}"
    assert len(done.single_seconds) == len(column.table.utility[column.test]) // 2
    assert (done.single_seconds > 0).all()
    assert len(done.batch_rates) >= 1


@pytest.mark.parametrize("modality", ["text", "image"])
def test_a_track_shows_one_modality_as_the_engine_does(modality, run, column, source, registry):
    done = run(name="linear", modality=modality, parameters={"alpha": 0.5}, fusion="concat", seed=3)
    options = Options(modality=modality, allow_incomplete=True, fusion="concat")
    own = answer(
        prepare(column.table, column.spec, source, options),
        Entrant(name="linear", parameters={"alpha": 0.5}),
        3,
        registry,
        options,
    )
    demand_equal(done.policy, own.policy)
    assert done.trade_off == own.trade_off
    assert done.router["parameters"]["alpha"] == 0.5
    assert done.router["fusion"].endswith("concat")
    hidden = {"text": "image-flips", "image": "whitespace-flips"}[modality]
    assert hidden not in {check.code for check in done.checks}


def test_an_own_encoder_encodes_in_the_child_what_it_encodes_in_the_engine(run, column, source, registry):
    done = run(name="linear", encoder="lite", encoder_parameters={"dimensions": 64})
    own = answer(column, Entrant(name="linear"), 0, registry, Options())
    demand_equal(done.policy, own.policy)
    assert found(done) == []


def test_an_own_encoder_that_learns_learns_from_the_whole_training_split(run, column, registry):
    done = run(name="linear", encoder="tfidf", modality="text")
    options = Options(modality="text", allow_incomplete=True)
    source = EncodedFeatures(text_encoder=registry.encoders.create("tfidf"), image_encoder=None)
    own = answer(prepare(column.table, column.spec, source, options), Entrant(name="linear"), 0, registry, options)
    demand_equal(done.policy, own.policy)
    assert done.trade_off == own.trade_off
    assert found(done) == []


def test_the_placebo_is_fitted_on_permuted_outcomes(run, stuff):
    done = run(name="kmeans")
    assert not np.array_equal(done.placebo.pred_utility, done.policy.pred_utility)
    utility = stuff.column.table.utility[stuff.train]
    assert not np.array_equal(stuff.placebo_utility, utility, equal_nan=True)
    datasets = stuff.column.table.dataset[stuff.train]
    for name in set(datasets):
        rows = datasets == name
        np.testing.assert_array_equal(
            np.sort(stuff.placebo_cost[rows], axis=0), np.sort(stuff.column.table.cost[stuff.train][rows], axis=0)
        )


def test_the_real_driver_runs_a_third_party_router_on_an_engine_without_the_rest(
    stuff, plain, runtime_with, plugin, tmp_path
):
    engine = tmp_path / "engine"
    for package in (mmr_core, mmr_plugins):
        source = Path(package.__file__).parent
        shutil.copytree(source, engine / source.name, ignore=shutil.ignore_patterns("__pycache__", "importers"))
    (engine / "mmr_leaderboard").mkdir()
    (engine / "mmr_leaderboard" / "__init__.py").touch()
    shutil.copytree(Path(mmr_leaderboard.__file__).parent / "child", engine / "mmr_leaderboard" / "child")
    place = runtime_with(plugin("class Router(Base): pass"), engine=[engine])
    request = RouterRequest(distribution="mmr-router-test", name="submitted")
    done = run_entry(request, place, stuff, plain, Limits(), workspace=tmp_path)
    assert found(done) == []
    assert done.policy is not None
    assert done.trade_off is not None
    assert done.placebo is not None
    assert done.router["canonical_id"] == "mmr-router-test/submitted"
    assert done.router["version"] == "1.2.3"


MISBEHAVING = {
    "not-deterministic": """
class Router(Base):
    def learn(self, training): self.salt = os.urandom(8)
    def keys(self, queries): return [(self.salt, key) for key in super().keys(queries)]
""",
    "ids-matter": """
class Router(Base):
    def keys(self, queries): return queries.ids
""",
    "order-matters": """
class Router(Base):
    def keys(self, queries): return [i % 7 for i in range(len(queries))]
""",
    "batch-matters": """
class Router(Base):
    def keys(self, queries): return [(len(queries), key) for key in super().keys(queries)]
""",
    "subset-matters": """
class Router(Base):
    def learn(self, training):
        self.ahead = sorted(json.loads((Path(sys.argv[1]) / "queries.json").read_text())["questions"])
    def keys(self, queries): return [(self.ahead, key) for key in super().keys(queries)]
""",
    "whitespace-flips": """
class Router(Base):
    def keys(self, queries): return queries.questions
""",
    "image-flips": """
class Router(Base):
    def keys(self, queries): return [path.read_bytes() for path in queries.images]
""",
}


@pytest.mark.parametrize("code", MISBEHAVING)
def test_each_misbehaviour_has_its_own_code(code, run):
    done = run(MISBEHAVING[code])
    assert found(done) == [code]
    assert next(check for check in done.checks if check.code == code).share > 0.1
    assert done.policy is not None


def test_an_honest_router_of_somebody_else_passes(run):
    done = run("class Router(Base): pass")
    assert found(done) == []
    assert all(check.changed == 0 and check.compared > 0 for check in done.checks)


def test_a_router_that_draws_anew_at_every_question_is_not_deterministic(run):
    code = """
class Router(Base):
    def keys(self, queries): return [os.urandom(8) for _ in queries.ids]
"""
    assert found(run(code)) == ["not-deterministic"]


def test_a_router_that_remembers_queries_between_calls_is_caught(run):
    code = """
class Router(Base):
    seen = set()
    def keys(self, queries):
        keys = [(question, question in self.seen) for question in queries.questions]
        self.seen.update(queries.questions)
        return keys
"""
    (finding,) = run(code).findings
    assert finding.code in CODES


def test_an_encoder_that_looks_at_its_batch_is_caught(run):
    code = """
class Encoder:
    modalities = ("text",)
    fingerprint = "batch"
    def encode_text(self, texts):
        return np.array([noise((len(texts), text.split()), 8) for text in texts], dtype=np.float32)

class Router(Base):
    def keys(self, queries): return [row.tobytes() for row in queries.embeddings.text]

@hookimpl
def mmr_register_encoders():
    yield ComponentSpec(kind="encoder", name="own", target="submitted_router:Encoder", summary="of a test")
"""
    (finding,) = run(code, encoder="own").findings
    assert finding.code in ("order-matters", "batch-matters")


def test_a_policy_router_is_checked_by_its_probabilities(run):
    code = """
class Router(Base):
    predict = None
    def decide(self, queries, trade_off):
        return Decisions(choice=np.array([int(noise(key, 1)[0] * len(self.utility)) for key in queries.questions]))
del Base.predict, Router.predict
"""
    done = run(code)
    assert found(done) == ["whitespace-flips"]
    assert isinstance(done.policy, Decided)


FAILING = {
    "raises": ("def keys(self, queries): raise ValueError('no\\nluck')", "raised", "ValueError: no luck"),
    "exits": ("def keys(self, queries): sys.exit(0)", "raised", "SystemExit: 0"),
    "exits at once": ("def keys(self, queries): os._exit(0)", "no-answer", "nothing was written"),
    "exits with a status": ("def keys(self, queries): os._exit(17)", "raised", "status 17"),
    "runs out of memory": ("def keys(self, queries): raise MemoryError", "memory-limit", "MemoryError"),
    "cannot be printed": (
        "def keys(self, queries):\n        class Odd(Exception):\n            def __str__(self): raise OSError\n"
        "        raise Odd",
        "raised",
        "Odd: (it cannot be printed)",
    ),
    "is not finite": ("def predict(self, queries): return bad(self, queries, np.nan)", "not-finite", "utility"),
    "is too large to reckon with": ("def predict(self, queries): return bad(self, queries, 1e200)", "not-finite", ""),
    "has a wrong shape": (
        "def predict(self, queries): return Prediction(utility=np.ones(3), cost=np.ones(3))",
        "wrong-shape",
        "(3,)",
    ),
    "is no array": (
        "def predict(self, queries): return Prediction(utility=[[1], [1, 2]], cost=0)",
        "wrong-shape",
        "utility is not an array of numbers",
    ),
    "is no prediction": ("def predict(self, queries): return 7", "wrong-shape", "int, not a Prediction"),
    "writes more than it may": (
        "def predict(self, queries): return Prediction(utility=np.ones((1000, 1000)), cost=np.ones((1000, 1000)))",
        "output-too-large",
        "",
    ),
    "spoils the answer": ("def keys(self, queries): os.write(3, b'junk'); return queries.questions", "", ""),
}


@pytest.mark.parametrize("what", FAILING)
def test_what_a_router_does_wrong_becomes_a_finding_with_its_reason(what, run):
    method, code, message = FAILING[what]
    helper = (
        "def bad(self, queries, number):\n"
        "    array = np.ones((len(queries), len(self.cost)))\n"
        "    return Prediction(utility=array * number, cost=array)\n"
    )
    done = run(f"{helper}class Router(Base):\n    {method}\n", answer_bytes=1 << 22)
    (finding,) = done.findings
    assert finding.code == (code or "not-an-array-file")
    assert message in finding.message
    assert finding.where == "router (answer)"
    assert done.policy is None


def test_decisions_that_break_the_contract_are_a_finding(run):
    code = """
class Router(Base):
    def decide(self, queries, trade_off):
        return Decisions(probabilities=np.full((len(queries), len(self.cost)), 0.4))
del Base.predict
"""
    done = run(code)
    assert found(done) == ["bad-decision"]
    assert "do not add up to 1" in done.findings[0].message


@pytest.mark.parametrize("request_", [{"name": "no-such"}, {"name": "linear", "fusion": "no-such"}])
def test_a_component_that_nobody_registers_is_a_finding(request_, run):
    done = run(**request_)
    assert found(done) == ["no-such-router"]
    assert "no-such" in done.findings[0].message


def test_a_plugin_that_cannot_be_imported_is_a_finding(run):
    done = run("import no_such_module\nclass Router(Base): pass")
    assert found(done) == ["no-such-router"]
    assert "no_such_module" in done.findings[0].message


def test_only_the_named_distribution_is_trusted(stuff, forked, runtime_with, plugin, tmp_path):
    place = runtime_with(plugin("raise SystemExit('imported')"))
    request = RouterRequest(distribution="mmr-bench", name="random")
    assert run_entry(request, place, stuff, forked, Limits(), workspace=tmp_path).findings == ()


HARMLESS = """
import atexit, threading
class Router(Base):
    def learn(self, training):
        atexit.register(lambda: time.sleep(3600))
        threading.Thread(target=threading.Event().wait).start()
        def never(*args, **kwargs): raise RuntimeError("patched")
        for module, names in ((np, ("ascontiguousarray", "stack", "concatenate", "save", "savez")),
                              (os, ("write", "_exit")), (time, ("perf_counter", "time"))):
            for name in names: setattr(module, name, never)
        sys.stderr = sys.stdout = None
    def predict(self, queries):
        return Prediction(utility=[list(self.utility)] * len(queries), cost=[list(self.cost)] * len(queries))
"""


def test_patched_modules_exit_hooks_and_threads_harm_nothing(run, plain):
    done = run(HARMLESS, sandbox=plain)
    assert done.findings == ()
    assert done.placebo is not None


def test_a_workspace_is_left_clean_when_the_sandbox_itself_fails(stuff, runtime_with, tmp_path):
    class Broken:
        method = "unsafe"

        def run(self, *_):
            raise KeyboardInterrupt

    workspace = tmp_path / "workspace"
    workspace.mkdir()
    request = RouterRequest(distribution="mmr-bench", name="random")
    with pytest.raises(KeyboardInterrupt):
        run_entry(request, runtime_with(), stuff, Broken(), Limits(), workspace=workspace)
    assert list(workspace.iterdir()) == []


@pytest.mark.parametrize("method", ["bubblewrap", "landlock"])
def test_an_entry_runs_in_real_isolation(method, stuff, column, registry, tmp_path):
    try:
        isolation = sandbox(method)
    except IsolationError as error:
        pytest.skip(str(error))
    request = RouterRequest(distribution="mmr-bench", name="knn")
    on = runtime([], tmp_path / "environments")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    done = run_entry(request, on, stuff, isolation, Limits(), workspace=workspace)
    assert done.findings == ()
    assert done.method == method
    demand_equal(done.policy, answer(column, Entrant(name="knn"), 0, registry, Options()).policy)
    assert list(workspace.iterdir()) == []

"""`mmr data download` against a stand-in of the hub on this machine: it may cut, lie, refuse or be away."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("huggingface_hub", minversion="1.0")

from mmr_core.cli import main
from mmr_core.errors import DataError, MissingExtraError, MMRError, SpecError, UsageError
from mmr_core.logs.download import download
from mmr_core.logs.download.table_download import read_record
from mmr_core.specs import ComponentSpec, PublishedTable

COMMIT, LATER = "a" * 40, "b" * 40
TABLE = PublishedTable(name="toy", title="A toy", repository="someone/toy")
CSV = b"dataset_idx,question,answer,A_correct,A_cost\nMathVision_1,Why?,4,1,0.1\n"
BIG = bytes(range(256)) * 4096  # 1 MiB


class Hub(ThreadingHTTPServer):
    """A dataset with files, and how badly the hub behaves."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repository = TABLE.repository
        self.files = {"MMR_Bench.csv": CSV, "MathVision/1.bin": BIG}
        self.large = {"MathVision/1.bin"}
        self.head = COMMIT
        self.served: dict[str, bytes] = {}
        self.cut_after: list[int] = []
        self.hold = threading.Event()
        self.hold_after: int | None = None
        self.statuses: list[int] = []
        self.ranged = True
        self.needs_token = False
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stated(self, commit: str) -> dict[str, Any]:
        return {
            "id": self.repository,
            "sha": commit,
            "siblings": [self._sibling(name, content) for name, content in self.files.items()],
        }

    def _sibling(self, name: str, content: bytes) -> dict[str, Any]:
        blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
        stated = {"rfilename": name, "size": len(content), "blobId": blob}
        if name in self.large:
            stated["lfs"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 130}
        return stated


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *words: Any) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)  # through a proxy the whole address is asked for
        self.server.asked.append((path, self.headers.get("Range", "")))
        if self.server.needs_token and self.headers.get("Authorization") != "Bearer hf_secret":
            self._refuse(401, "RepoNotFound")
        elif path.startswith(f"/api/datasets/{self.server.repository}"):
            revision = path.rpartition("/revision/")[2] if "/revision/" in path else "main"
            if revision in ("main", COMMIT, LATER):
                self._answer(json.dumps(self.server.stated(self.server.head if revision == "main" else revision)))
            else:
                self._refuse(404, "RevisionNotFound")
        elif path.startswith(f"/datasets/{self.server.repository}/resolve/"):
            self._send_file(path.split("/", 6)[6])
        else:
            self._refuse(404, "RepoNotFound")

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def _send_file(self, name: str) -> None:
        hub = self.server
        if hub.statuses:
            self._refuse(hub.statuses.pop(0), "")
            return
        content = hub.served.get(name, hub.files[name])
        wanted = self.headers.get("Range") if hub.ranged else None
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if name in hub.large and hub.cut_after:
            self.wfile.write(content[start : start + hub.cut_after.pop(0)])
            self.close_connection = True
        elif name in hub.large and hub.hold_after is not None:
            self.wfile.write(content[start : start + hub.hold_after])
            self.wfile.flush()
            hub.hold.wait(30)
        else:
            self.wfile.write(content[start:])


@pytest.fixture
def hub(monkeypatch) -> Iterator[Hub]:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "HF_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.hold.set()
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(hub: Hub, out: Path, waited: list[float] | None = None, **choices: Any) -> Any:
    return download(TABLE, out, endpoint=hub.url, wait=(waited if waited is not None else []).append, **choices)


def files_in(out: Path) -> dict[str, bytes]:
    found = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if not name.startswith(".mmr-download/")}


def test_a_table_arrives_whole_with_its_commit_on_record(hub, tmp_path):
    seen: list[tuple[int, int]] = []
    done = fetch(hub, tmp_path / "new" / "out", progress=lambda task, n, of: seen.append((n, of)))
    assert files_in(tmp_path / "new" / "out") == hub.files
    assert (done.commit, set(done.fetched)) == (COMMIT, set(hub.files))
    record = read_record(tmp_path / "new" / "out")
    assert record.complete
    assert (record.commit, record.revision) == (COMMIT, "main")
    assert seen[-1] == (len(CSV) + len(BIG),) * 2
    assert all(f"/resolve/{COMMIT}/" in path for path, _ in hub.asked if "/resolve/" in path)


def test_the_second_time_everything_is_checked_and_nothing_fetched(hub, tmp_path):
    fetch(hub, tmp_path)
    hub.asked.clear()
    assert fetch(hub, tmp_path).fetched == ()
    assert not [path for path, _ in hub.asked if "/resolve/" in path]


def test_a_file_that_was_damaged_on_the_disk_is_fetched_again(hub, tmp_path):
    fetch(hub, tmp_path)
    (tmp_path / "MathVision" / "1.bin").write_bytes(BIG[:-1] + b"!")
    assert fetch(hub, tmp_path).fetched == ("MathVision/1.bin",)
    assert files_in(tmp_path) == hub.files


def test_a_cut_connection_is_taken_up_where_it_ended(hub, tmp_path):
    hub.cut_after = [300_000, 0, 200_000]
    waited: list[float] = []
    fetch(hub, tmp_path, waited)
    assert files_in(tmp_path) == hub.files
    ranges = [asked for path, asked in hub.asked if path.endswith("1.bin")]
    assert ranges == ["", "bytes=300000-", "bytes=300000-", "bytes=500000-"]
    assert waited == [1.0, 2.0, 1.0]


def test_a_hub_without_ranges_begins_the_file_anew(hub, tmp_path):
    hub.cut_after, hub.ranged = [300_000], False
    fetch(hub, tmp_path)
    assert files_in(tmp_path) == hub.files


def test_a_busy_hub_is_asked_again(hub, tmp_path):
    hub.statuses = [503, 429]
    fetch(hub, tmp_path)
    assert files_in(tmp_path) == hub.files


def test_a_connection_that_stays_cut_is_given_up_and_the_next_call_goes_on(hub, tmp_path):
    hub.cut_after = [300_000, 0, 0, 0, 0, 0]
    with pytest.raises(MMRError, match=r"MathVision/1.bin: broke off at 300,000 of 1,048,576 bytes.*goes on where"):
        fetch(hub, tmp_path)
    assert "MathVision/1.bin" not in files_in(tmp_path)
    hub.asked.clear()
    hub.cut_after = []
    fetch(hub, tmp_path)
    assert files_in(tmp_path) == hub.files
    assert [asked for path, asked in hub.asked if path.endswith("1.bin")] == ["bytes=300000-"]


def test_a_killed_download_goes_on_with_the_commit_it_began_with(hub, tmp_path):
    hub.hold_after = 400_000
    program = (
        "from pathlib import Path; from mmr_core.specs import PublishedTable;"
        "from mmr_core.logs.download import download;"
        f"download(PublishedTable(name='toy', title='', repository={TABLE.repository!r}), Path({str(tmp_path)!r}),"
        f" endpoint={hub.url!r}, progress=lambda task, n, of: print(n, flush=True) if 'bytes' in task else None)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= len(CSV) + 300_000:
                break
        process.send_signal(signal.SIGKILL)
    hub.hold.set()
    hub.hold_after, hub.head = None, LATER
    hub.asked.clear()
    assert "MathVision/1.bin" not in files_in(tmp_path)
    done = fetch(hub, tmp_path)
    assert done.commit == COMMIT
    assert files_in(tmp_path) == hub.files
    (taken_up,) = [asked for path, asked in hub.asked if path.endswith("1.bin")]
    assert 0 < int(taken_up.removeprefix("bytes=").rstrip("-")) <= 400_000


@pytest.mark.parametrize("name", ["MMR_Bench.csv", "MathVision/1.bin"])
def test_content_that_is_not_what_the_hub_states_never_gets_its_name(hub, tmp_path, name):
    hub.served[name] = hub.files[name][:-1] + b"!"
    with pytest.raises(DataError, match=f"{name}: expected .* as the hub states, got .*it was removed"):
        fetch(hub, tmp_path)
    assert name not in files_in(tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    assert not read_record(tmp_path).complete


def test_more_bytes_than_stated_are_refused(hub, tmp_path):
    hub.served["MathVision/1.bin"] = BIG * 2
    with pytest.raises(DataError, match="as the hub states, got"):
        fetch(hub, tmp_path)


@pytest.mark.parametrize(
    "name",
    ["../out.csv", "a/../../out.csv", "/etc/passwd", "..\\out.csv", "C:out.csv", "a//./b", "nul.txt", "line\nbreak",
     ".mmr-download/record.json", "a/..", ""],
)  # fmt: skip
def test_a_name_that_could_leave_the_folder_stops_the_download_before_it_begins(hub, tmp_path, name):
    hub.files[name] = b"evil"
    with pytest.raises(DataError, match="may not be written; nothing was fetched"):
        fetch(hub, tmp_path / "out")
    assert list(tmp_path.rglob("*")) == []


def test_two_names_for_one_place_are_refused(hub, tmp_path):
    hub.files["mmr_bench.CSV"] = b"x"
    with pytest.raises(DataError, match="two files for one place"):
        fetch(hub, tmp_path)


def test_a_link_in_the_folder_does_not_lead_the_download_outside(hub, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "MathVision").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="would be written outside"):
        fetch(hub, tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_repository_that_is_not_there_is_one_line_about_tokens(hub, tmp_path):
    absent = PublishedTable(name="toy", title="", repository="someone/else")
    with pytest.raises(
        UsageError, match=r"someone/else: there is no such dataset on the hub, or it is not public.*HF_TO"
    ):
        download(absent, tmp_path, endpoint=hub.url)


def test_a_revision_that_is_not_there_is_named(hub, tmp_path):
    with pytest.raises(UsageError, match=r"has no revision 'v9'.*--revision"):
        fetch(hub, tmp_path, revision="v9")


def test_a_folder_keeps_its_revision_and_its_dataset(hub, tmp_path):
    fetch(hub, tmp_path, revision=LATER)
    with pytest.raises(UsageError, match=f"holds revision '{LATER}'"):
        fetch(hub, tmp_path, revision=COMMIT)
    other = PublishedTable(name="toy", title="", repository="someone/else")
    with pytest.raises(UsageError, match="holds a download of 'someone/toy'"):
        download(other, tmp_path, endpoint=hub.url)


def test_without_a_network_it_says_so_in_one_line_and_leaves_nothing(tmp_path):
    with pytest.raises(MMRError, match=r"the hub gave no usable answer.*check the network, proxies and HF_ENDP"):
        download(TABLE, tmp_path / "out", endpoint="http://127.0.0.1:9")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_before_anything_is_fetched(hub, tmp_path, monkeypatch):
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr("mmr_core.logs.download.table_download.shutil.disk_usage", lambda path: usage)
    with pytest.raises(MMRError, match=r"needs 1\.0 MB, but only 0\.0 MB are free"):
        fetch(hub, tmp_path)
    assert files_in(tmp_path) == {}


def test_patterns_choose_files_and_the_rest_can_follow(hub, tmp_path):
    assert fetch(hub, tmp_path, only=["*.csv"]).fetched == ("MMR_Bench.csv",)
    assert not read_record(tmp_path).complete
    assert fetch(hub, tmp_path).fetched == ("MathVision/1.bin",)
    with pytest.raises(UsageError, match=r"none of its 2 files fits '\*.parquet'; its first is 'MMR_Bench.csv'"):
        fetch(hub, tmp_path, only=["*.parquet"])


def test_the_token_of_the_environment_is_sent(hub, tmp_path, monkeypatch):
    hub.needs_token = True
    with pytest.raises(UsageError, match="set HF_TOKEN"):
        fetch(hub, tmp_path / "a")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch(hub, tmp_path / "b")
    assert files_in(tmp_path / "b") == hub.files


def test_the_command_honours_the_hubs_address_and_a_proxy_and_ends_with_what_to_do(hub, tmp_path):
    hub.repository = "gh0stHunter/MMR-Bench"
    environment = {**os.environ, "HF_ENDPOINT": "http://hub.invalid", "HTTP_PROXY": hub.url, "NO_PROXY": ""}
    program = "import sys; from mmr_core.cli import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", program, "data", "download", "mmr-bench", "--out", str(tmp_path / "out")]
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert files_in(tmp_path / "out") == hub.files
    assert f"mmr run --data {tmp_path / 'out'}" in ended.stdout
    assert f"mmr data check --data {tmp_path / 'out'}" in ended.stdout
    assert f"at commit {COMMIT}: 2 fetched" in ended.stdout


def test_the_command_lists_what_plugins_know_and_corrects_an_unknown_name(capsys, tmp_path):
    assert main(["data", "download"]) == 0
    assert "mmr-bench-v2: " in capsys.readouterr().out
    assert main(["data", "download", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["tables"]
    assert {table["repository"] for table in listed} == {"gh0stHunter/MMR-Bench", "gh0stHunter/MMR-Bench-V2"}
    assert main(["data", "download", "mmr-bemch", "--out", str(tmp_path)]) == 2
    assert "unknown published table 'mmr-bemch', did you mean 'mmr-bench'" in capsys.readouterr().err
    assert main(["data", "download", "mmr-bench"]) == 2
    assert "--out DIR" in capsys.readouterr().err


def test_a_spec_demands_a_repository_of_the_hub():
    for wrong in ("toy", "a/b/c", "../x", "https://hub/a/b", ""):
        with pytest.raises(SpecError, match="not a name on the hub"):
            PublishedTable(name="toy", title="", repository=wrong)
    with pytest.raises(SpecError, match="not a tuple of tables"):
        ComponentSpec(kind="importer", name="x", target="a:B", summary="", published=[TABLE])  # type: ignore[arg-type]


def test_without_the_extra_it_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mmr-bench\[download\]'"):
        download(TABLE, tmp_path / "out")

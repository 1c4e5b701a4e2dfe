"""asv's site as we publish it: without a network, ranges of releases highlighted, and our report in its first tab."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import asv
import pytest

from feeders.asv_plugin import site
from feeders.asv_plugin.site import (
    DOTTED,
    PLAIN,
    REMOTE,
    SHOW,
    VENDOR,
    VENDORED,
    DottedRanges,
    Offline,
    Opening,
    Report,
)

ROOT = Path(__file__).resolve().parents[2]
WWW = Path(asv.__file__).with_name("www")
SCRIPT = WWW / "graphdisplay.js"


@pytest.fixture
def conf(tmp_path):
    shutil.copytree(WWW, tmp_path / "html")
    return SimpleNamespace(html_dir=str(tmp_path / "html"), results_dir=str(tmp_path / "results"))


def index(conf):
    return (Path(conf.html_dir) / "index.html").read_text(encoding="utf-8")


def publish(publisher, conf):
    publisher.publish(conf, None, None, None, None)


def test_the_script_of_this_asv_has_what_is_replaced():
    assert SCRIPT.read_text(encoding="utf-8").count(PLAIN) == 1


def test_the_published_script_takes_ids_with_dots(conf):
    publish(DottedRanges, conf)
    script = (Path(conf.html_dir) / SCRIPT.name).read_text(encoding="utf-8")
    assert PLAIN not in script
    assert DOTTED in script


NAME = "epoch.Fit.track_steady"
BENCHMARK = {"params": [["'resident'", "'sequence'"], ["'window'", "'text'"], ["1", "4"]]}
BENCHMARK["param_names"] = ["feeder", "workload", "workers"]


class Graphs:
    """Graphs of a series, each given as its parameters and the cells that were measured at one of two releases."""

    def __init__(self, *graphs):
        self._graphs = [self._graph(params, known) for params, known in graphs]

    @staticmethod
    def _graph(params, known):
        cells = list(itertools.product(*BENCHMARK["params"]))
        values = [1.0 if cell in known else None for cell in cells]
        return SimpleNamespace(params=params, get_data=lambda: [(1, [None] * len(cells), []), (2, values, [])])

    def get_graph_group(self, name):
        return self._graphs


def opened(conf, *graphs):
    """What the published script opens the series on."""
    shutil.copyfile(SCRIPT, Path(conf.html_dir) / SCRIPT.name)
    Opening.publish(conf, None, {NAME: BENCHMARK}, Graphs(*graphs), None)
    script = (Path(conf.html_dir) / SCRIPT.name).read_text(encoding="utf-8")
    return json.loads(re.search(r"var opening = (.*);", script)[1])


CELLS = [("'resident'", "'text'", "1"), ("'sequence'", "'text'", "1"), ("'sequence'", "'text'", "4")]


def test_a_series_that_no_run_had_is_not_listed(conf):
    """asv writes no graph of it, so a page that listed it would ask for what is not there."""
    shutil.copyfile(SCRIPT, Path(conf.html_dir) / SCRIPT.name)
    benchmarks = {NAME: BENCHMARK, "epoch.Fit.track_batch": BENCHMARK}
    graphs = SimpleNamespace(get_graph_group=lambda name: [SimpleNamespace(params={}, get_data=list)][: name == NAME])
    Opening.publish(conf, None, benchmarks, graphs, None)
    assert list(benchmarks) == [NAME]


def test_cells_without_a_number_are_not_listed(conf):
    listed = Path(conf.html_dir) / "graphs" / "machine-lab" / "summary.json"
    listed.parent.mkdir(parents=True)
    rows = [{"name": NAME, "idx": 0, "last_value": None}, {"name": NAME, "idx": 1, "last_value": 0.0}]
    listed.write_text(json.dumps(rows))
    opened(conf, ({"machine": "lab"}, CELLS))
    assert json.loads(listed.read_text()) == rows[1:]


def test_the_script_of_this_asv_has_the_function_that_shows_a_series():
    text = SCRIPT.read_text(encoding="utf-8")
    assert text.count(SHOW) == 1
    assert "var benchmark = params['benchmark'];" in text
    assert "state_selection = params;" in text


def test_a_series_opens_on_cells_that_were_measured(conf):
    """Not on the first workload, of which nothing is known here."""
    assert opened(conf, ({"machine": "lab"}, CELLS)) == {
        NAME: {"p-feeder": ["'resident'", "'sequence'"], "p-workload": ["'text'"], "p-workers": ["1"]}
    }


def test_a_series_opens_on_this_machine_and_on_variables_that_are_not_set(conf, monkeypatch):
    monkeypatch.setenv("FEEDERS_MACHINE", "lab")
    machines = [({"machine": name, "env-X": of}, CELLS) for name, of in (("big", None), ("lab", "jax"), ("lab", None))]
    found = opened(conf, *machines)[NAME]
    assert (found["machine"], found["env-X"]) == (["lab"], [None])


def test_a_series_without_numbers_opens_as_asv_opens_it(conf):
    assert opened(conf, ({"machine": "lab"}, [])) == {}


@pytest.mark.parametrize("link", ["2.15.1-2.16.2", "k3.5.0-k3.6.0"])
def test_a_range_is_its_two_ends(link):
    """Both languages read this expression alike."""
    assert re.match(DOTTED.strip("/"), link).groups() == tuple(link.split("-"))
    assert not re.match(PLAIN.strip("/"), link)


def test_this_asv_loads_from_elsewhere_just_what_there_are_copies_of():
    """Counted by another expression than the one that replaces."""
    text = (WWW / "index.html").read_text(encoding="utf-8")
    loaded = {each.rpartition("/")[2] for each in re.findall(r'(?:src="|rel="stylesheet" href=")(https://[^"]+)', text)}
    assert loaded == set(VENDORED)
    assert {found[3] for found in REMOTE.finditer(text)} == loaded


def test_the_published_page_loads_nothing_from_elsewhere(conf):
    publish(Offline, conf)
    local = re.findall(r'(?:src|href)="(vendor/[^"]+)"', index(conf))
    assert sorted(local) == sorted(f"vendor/{name}" for name in VENDORED.values())
    for name in local:
        assert (Path(conf.html_dir) / name).stat().st_size > 0
    assert "integrity" not in index(conf)
    assert not re.search(r'(?:src="|rel="stylesheet" href=")https?:', index(conf))


def test_a_script_of_another_asv_is_left_with_a_warning(conf, monkeypatch):
    said = []
    monkeypatch.setattr(site.log, "warning", said.append)
    page = Path(conf.html_dir) / "index.html"
    page.write_text(index(conf).replace("md5.min.js", "sha.min.js"))
    publish(Offline, conf)
    assert len(said) == 1
    assert "sha.min.js has no copy here" in said[0]
    assert re.search(r'src="https://[^"]+/sha.min.js"', index(conf))


def test_copies_are_what_asv_checks_for_where_it_is_the_same_file():
    """asv gives digests; flot's minified files and the older stupidtable are not in any npm package."""
    text = (WWW / "index.html").read_text(encoding="utf-8")
    digests = dict(re.findall(r'https://[^"]+/([^"/]+)" integrity="([^"]+)"', text))
    checked = []
    for name, ours in VENDORED.items():
        kind, _, digest = digests[name].partition("-")
        if base64.b64encode(hashlib.new(kind, (VENDOR / ours).read_bytes()).digest()).decode() == digest:
            checked.append(ours)
    assert set(VENDORED.values()) - set(checked) == {
        "jquery.flot.js",
        "jquery.flot.time.js",
        "jquery.flot.selection.js",
        "jquery.flot.categories.js",
        "stupidtable.min.js",
    }


def test_every_copy_is_listed_with_its_digest():
    listed = dict(
        re.findall(r"^\| `([^`]+)` .* `([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.MULTILINE)
    )
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.iterdir()}
    assert listed == {name: digest for name, digest in files.items() if name in VENDORED.values()}
    assert set(files) - set(listed) == {"README.md", "LICENSES.txt"}


def test_without_results_there_is_a_site_and_no_tab(conf, monkeypatch):
    said = []
    monkeypatch.setattr(site.log, "warning", said.append)
    publish(Report, conf)
    assert "holds no takes" in said[0]
    assert "report.html" not in index(conf)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The site of two releases of the repository's own results, as `asv publish` makes it."""
    project = tmp_path_factory.mktemp("site")
    for name in ("asv.conf.json", "feeders", "benchmarks"):
        (project / name).symlink_to(ROOT / name)
    (project / "results" / "epyc-2core").mkdir(parents=True)
    shutil.copy(ROOT / "results" / "benchmarks.json", project / "results")
    for path in (ROOT / "results" / "epyc-2core").iterdir():
        if path.name == "machine.json" or path.name.startswith(("2.14.1-", "2.15.1-", "2.16.1-", "2.16.2-", "2.17.1-")):
            shutil.copy(path, project / "results" / "epyc-2core")
    made = subprocess.run(
        [sys.executable, "-m", "asv", "publish", "-o", str(project / "html")],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return project / "html"


@pytest.mark.slow
def test_the_site_works_without_a_network(published, serve, open_page):
    """The grid, the list, a graph with a range highlighted, and our report: nothing leaves, nothing fails."""
    page, address = open_page(), serve(published)
    page.goto(address)
    page.locator("#summarygrid-display canvas").first.wait_for()
    page.get_by_role("link", name="Benchmark list").click()
    heads = page.locator("#summarylist-body table thead th")
    heads.first.wait_for()
    heads.first.click()
    assert page.locator("#summarylist-body table tbody tr").count() > 20
    page.goto("about:blank")
    page.goto(f"{address}#epoch.Fit.track_effective?commits=2.15.1-2.16.2")
    page.locator("#main-graph canvas").first.wait_for()
    page.goto("about:blank")
    page.goto(f"{address}#epoch.Fit.track_effective")
    page.locator("#main-graph canvas").first.wait_for()
    assert "p-workload='text'" in unquote(page.url)
    page.goto(address)
    page.get_by_role("link", name="Report", exact=True).click()
    page.wait_for_selector("main[data-drawn]")
    assert page.locator('select[name="machine"]').input_value() == "epyc-2core"

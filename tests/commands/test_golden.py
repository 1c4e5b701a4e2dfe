"""One text per command, as a person sees it. What would take minutes is made up, and no number is measured."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import feeders.advise.look
import feeders.loaders
import feeders.measure
import feeders.measure.alone
import feeders.measure.asked
import feeders.measure.bottleneck
import feeders.releases.listing
import feeders.strategies
from feeders import cli
from feeders.advise.lines import Line, Lines
from feeders.advise.look import Look
from feeders.asv_plugin import machine
from feeders.audit.show import to_text
from feeders.catalogue import Catalogue
from feeders.errors import FeedersError
from feeders.measure import METRICS, Record
from feeders.measure.counts import Reference
from feeders.measure.limit import Limit
from feeders.measure.survey import Survey
from feeders.releases.catalogue import age
from feeders.releases.stacks import stacks
from feeders.results.changes import write_changes
from tests.compare.made import Bench
from tests.report.conftest import broken, made_up, some_takes, write_takes
from tests.results.made import a_finding

EVIDENCE = Path(__file__).with_name("evidence")


def test_list(call, golden, monkeypatch):
    """Of few rows, so that a new one is no matter of this test."""
    for module, name, first in ((feeders.strategies, "FEEDERS", 3), (feeders.loaders, "WORKLOADS", 2)):
        catalogue = getattr(module, name)
        monkeypatch.setattr(module, name, Catalogue(catalogue.kind, catalogue[:first]))
    monkeypatch.setattr(feeders.measure, "METRICS", Catalogue("a metric", METRICS[:2]))
    golden("list", call("list"))


def test_list_names_every_row_of_the_catalogues(capsys):
    assert cli.main(["list"]) == 0
    printed = capsys.readouterr().out.split()
    catalogues = (feeders.strategies.FEEDERS, feeders.loaders.WORKLOADS, METRICS)
    assert {row.name for catalogue in catalogues for row in catalogue} <= set(printed)


def test_measure(call, golden, monkeypatch):
    """With one worker it waits, with four it does not come back."""

    def take(cell, settings=None):
        if (cell.feeder, cell.workers) == ("sequence-lock", 4):
            return broken(
                "hung", "no end after 60 s. Thread 0x1: ...", feeder=cell.feeder, workload=cell.workload, workers=4
            )
        speed = 4000.0 if cell.feeder == "resident" else 1000.0
        return made_up(cell.feeder, cell.workload, cell.workers, speed, settings={"model": "light"})

    real = feeders.measure.bottleneck.bottleneck
    monkeypatch.setattr(feeders.measure, "preload", lambda: None)
    monkeypatch.setattr(feeders.measure, "take", take)
    limit = Limit(4000.0, train_cpu=1e-4, prepare_cpu=4e-4, prepare_seconds=1e-3, gil_share=0.25, cores=4)
    monkeypatch.setattr(feeders.measure.alone, "measure_limit", lambda workload: limit)
    monkeypatch.setattr(feeders.measure.bottleneck, "bottleneck", lambda records: real(records, take))
    golden("measure", call("measure", "sequence-lock", "--workload", "remote", "--workers", "1,4"))


def test_measure_a_loader(call, golden, monkeypatch):
    """What trains is said first, and what is wrong before its speed. A generator has no index."""
    reference = Reference(((),), keyed=True, reproducible=True, ordered=True, addressed=True, named=False)
    found = Survey(
        "sequence", "a my.Train", 4, False, "", 1000, 250, 8000, "(float32 (32, 8), int64 (32,))", 0.02, reference
    )

    def take(cell, settings, seen):
        assert (settings.steps, settings.step_ms, settings.model, seen) == (250, 20.0, "none", found)
        if cell.feeder == "tfdata-native":
            return broken("unsupported", "its preparation is not written in TensorFlow ops", **vars(cell))
        wrong = {"corrupt": 256.0} if cell.workers > 1 else {}
        take = made_up(cell.feeder, cell.workload, cell.workers, 1000.0, settings={"model": "none"})
        guarantee = "at-most-once" if wrong else "exactly-once"
        return replace(take, guarantee=guarantee, delivered=8000, metrics={**take.metrics, **wrong})

    monkeypatch.setattr(feeders.measure, "preload", lambda: None)
    monkeypatch.setattr(feeders.measure, "take", take)
    monkeypatch.setattr(feeders.measure.asked, "look", lambda address, by, settings: found)
    limit = Limit(4000.0, train_cpu=1e-4, prepare_cpu=4e-4, prepare_seconds=1e-3, gil_share=0.25, cores=4)
    monkeypatch.setattr(feeders.measure.alone, "measure_limit", lambda address, settings: limit)
    looked_at = Look(
        "sequence", "a my.Train", ("index",), lines=Lines((Line("my.py", 9, "make", "parse()", 0.9, 1.0),))
    )
    monkeypatch.setattr(feeders.advise.look, "look_at", lambda request, seconds: looked_at)
    by = ("--by", "lookahead-threads,tfdata-native", "--workers", "1,4")
    golden("measure-loader", call("measure", "my.py:Train", *by, "--step-ms", "20"))

    def breaks(request, seconds):
        raise FeedersError("my.py:Train: hung while it was read by one thread: no end after 120 s")

    monkeypatch.setattr(feeders.advise.look, "look_at", breaks)
    text = call("measure", "my.py:Train", *by, "--step-ms", "20")
    assert text.endswith("not known: my.py:Train: hung while it was read by one thread: no end after 120 s\n")


@pytest.mark.parametrize(("name", "loader"), [("safe", "sequence-lock"), ("unsafe", "sequence")])
def test_audit(call, golden, monkeypatch, name, loader):
    """From evidence that real audits have left."""
    found = json.loads((EVIDENCE / f"{name}.json").read_text())
    done = SimpleNamespace(to_text=lambda width: to_text(found, width), to_json=lambda: found, safe=found["safe"])
    monkeypatch.setattr(feeders.audit, "audit", lambda request, progress, announce: done)
    golden(f"audit-{name}", call("audit", loader, "--workload", "records", "--seconds", "10"))


@pytest.fixture
def bench(monkeypatch, here):
    monkeypatch.setattr(machine, "_gpus", lambda: "")
    return Bench(monkeypatch)


def test_compare(call, golden, bench):
    bench.answers = lambda a, b, name, number: 0.3 if name == "sequence/text/1" else 0.0
    golden("compare", call("compare", "2.15.1", "2.16.2", "--cells", "sequence/text/1,sequence/remote/1"))


def test_compare_of_feeders(call, golden, bench):
    call_of_feeders = ("compare", "sequence:1", "sequence:4", "--workload", "remote", "--release", "2.16.2")
    bench.answers = lambda *_: -0.5
    golden("compare-feeders", call(*call_of_feeders))


def write_history(folder):
    """Six releases, five takes of two cells each: in the newest one the first cell takes 15 % more."""
    releases = sorted(stacks(), key=age)[6:12]
    for index, release in enumerate(releases):
        step = math.log(1.15) if release == releases[-1] else 0.0
        takes = [
            Record(
                *("sequence", workload, 1, "measured"),
                guarantee="exactly-once",
                epochs=(9.0, *2 * (math.exp(level + 0.02 * ((index + number) % 5 - 2)),)),
                run="r",
                round=number,
            )
            for number in range(5)
            for workload, level in (("text", step), ("remote", 0.0))
        ]
        write_takes(folder, takes, release).with_name("machine.json").unlink()
    return releases


def test_regressions(call, golden, bench, here):
    releases = write_history(here / "results")
    bench.answers = lambda a, b, name, number: math.log(1.15) if (b, name) == (releases[-1], "sequence/text/1") else 0.0
    golden("regressions", call("regressions", "--fail"))


def test_report(call, golden, here):
    for release, factor in (("2.15.1", 1.2), ("2.16.2", 1.0)):
        write_takes(here / "results", some_takes(factor), release)
    write_changes(here / "results" / "lab" / "stack-changes.jsonl", [a_finding()])
    golden("report-summary", call("report", "--summary"))


def test_releases(call, golden, monkeypatch, here):
    monkeypatch.setenv("FEEDERS_CACHE", str(here / "cache"))
    few = {release: stacks()[release] for release in ("2.4.4", "2.16.2", "k3.9.2")}
    write_takes(here / "results", [made_up()], "2.16.2")
    monkeypatch.setattr(feeders.releases.listing, "stacks", lambda: few)
    monkeypatch.setattr(
        feeders.releases.listing.resolve, "newest_version", {"tensorflow-cpu": "9.9.0", "keras": "3.9.2"}.get
    )
    golden("releases", call("releases", "list"))


WRONG = (
    ("measure", "seqence"),
    ("measure", "sequence", "--workload", "jepg"),
    ("measure", "sequence", "--workers", "0"),
    ("measure", "sequence", "--model", "mine.py:build"),
    ("measure", "mine.py:Train", "--model", "light"),
    ("measure", "mine.py"),
    ("measure", "mine.py:Mine", "--by", "seqence"),
    ("measure", "mine.py:Mine", "--workload", "text"),
    ("measure", "mine.py:Mine", "--step-ms", "0"),
    ("audit",),
    ("audit", "seqence"),
    ("audit", "mine.py"),
    ("audit", "mine.py:Mine"),
    ("audit", "--all", "sequence"),
    ("audit", "--all"),
    ("compare", "2.15.1", "sequence"),
    ("compare", "sequence", "arrays", "--cells", "*"),
    ("compare", "sequence:four", "arrays", "--release", "2.16.2"),
    ("compare", "2.15.1", "2.16.2", "--cells", "nothing"),
    ("compare", "2.15.1", "2.16.2", "--json", "no/such.json"),
    ("regressions",),
    ("releases", "add", "1.0"),
    ("report",),
    ("report", "--device", "CPU"),
    ("overhead", "--pairs", "x"),
)


def test_wrong_calls(call, golden):
    """Each is one message and status 2, before anything runs."""
    said = [call(*wrong) for wrong in WRONG]
    assert all(text.endswith("(status 2)\n") for text in said)
    golden("wrong-calls", "\n".join(said))

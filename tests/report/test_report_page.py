"""The page as a person has it: opened from a file or a server without a network, in a real browser."""

from __future__ import annotations

import json
import re
import statistics
import time
from pathlib import Path

import pytest

from feeders.report import html_report
from feeders.report.pages import PAGES

from .conftest import broken, made_up, some_takes, write_takes

ROOT = Path(__file__).resolve().parents[2]
NAMES = [page.name for page in PAGES]

# Of the laboratory's devices, the one that has all there is to draw.
ON_GPU = "GPU, FEEDERS_MODEL=real"


@pytest.fixture(scope="module")
def report(lab, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html_report(lab), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def served(report, serve):
    return f"{serve(report.parent)}{report.name}"


def drawn(page, name):
    page.wait_for_selector(f'main[data-drawn="{name}"]')
    return page


def at(page, path, name, **choices):
    """Load the report anew, and lead it to a page."""
    page.goto("about:blank")
    return led(page, path, name, **choices)


def led(page, path, name, **choices):
    """Lead the report that a page shows to another page of it."""
    query = "&".join(f"{key}={value}" for key, value in choices.items())
    page.goto(f"{path.as_uri()}#/{name}?{query}")
    return drawn(page, name)


def redrawn(page, change):
    """Do something that draws the page anew, and wait until it is."""
    page.evaluate("document.getElementById('content').removeAttribute('data-drawn')")
    change()
    page.wait_for_selector("main[data-drawn]")


def rows(page, title):
    """The cells of a table, by its heading."""
    section = page.locator("section", has=page.get_by_role("heading", name=title, exact=True))
    return [re.split(r"\t", line) for line in section.locator("tbody tr").all_inner_texts()]


def chosen(page):
    return {name: page.locator(f'select[name="{name}"]').input_value() for name in ("machine", "release", "device")}


@pytest.fixture(scope="module")
def offline(open_shared_page):
    return open_shared_page(offline=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_page_is_drawn_from_a_file(report, offline, name):
    where = {"machine": "lab", "release": "2.16.2", "device": ON_GPU} if name == "device" else {}
    page = led(offline, report, name, **where)
    assert page.locator("main h2").first.inner_text() == next(each.question for each in PAGES if each.name == name)
    assert page.get_by_role("alert").count() == 0
    charts = sum(block["kind"] == "chart" for each in PAGES if each.name == name for block in each.blocks)
    assert page.locator("main svg.marks").count() == charts
    assert page.locator("main").inner_text().strip()


def test_every_page_is_drawn_from_a_server_and_back_leads_back(served, open_page):
    page = open_page()
    page.goto(served)
    drawn(page, NAMES[0])
    for each in PAGES[1:]:
        page.get_by_role("navigation").get_by_role("link", name=each.title).click()
        drawn(page, each.name)
    page.go_back()
    drawn(page, NAMES[-2])


def test_a_link_opens_as_it_was_sent(report, open_page):
    sent = {"machine": "lab", "release": "2.15.1", "device": "CPU", "workload": "remote", "metric": "wait_p99"}
    page = at(open_page(), report, "feeders", **sent)
    for name, value in sent.items():
        assert page.locator(f'select[name="{name}"]').input_value() == value
    assert "wait p99 (ms) on remote" in page.locator("main").inner_text()
    again = open_page()
    again.goto(page.url)
    drawn(again, "feeders")
    assert again.locator("main").inner_text() == page.locator("main").inner_text()


def test_a_link_to_what_is_not_there_says_what_is_shown_instead(report, open_page):
    page = at(open_page(), report, "feeders", machine="lab", release="2.9.3")
    assert "release 2.9.3 has no results here; shown is 2.17.1" in page.locator("#corrected").inner_text()


def test_each_choice_changes_what_it_names_and_no_other(report, open_page):
    page = at(open_page(), report, "feeders", machine="lab", release="2.16.2")
    values = {name: rows(page, "The numbers") for name in ("start",)}
    for name, value in (("release", "2.15.1"), ("workload", "remote"), ("metric", "memory"), ("machine", "box")):
        before = page.url
        redrawn(page, lambda name=name, value=value: page.select_option(f'select[name="{name}"]', value))
        values[name] = rows(page, "The numbers")
        assert f"{name}={value}" in page.url != before
    tables = list(values.values())
    assert all(left != right for left, right in zip(tables, tables[1:]))
    # What the other machine has as well is kept; what it has not is its own.
    assert chosen(page) == {"machine": "box", "release": "2.16.2", "device": "CPU"}
    assert page.locator('select[name="workload"]').input_value() == "remote"
    assert page.locator('select[name="metric"]').input_value() == "memory"


def test_cpu_and_gpu_of_a_machine_and_two_machines_stand_side_by_side(report, open_page):
    page = at(open_page(), report, "feeders", machine="lab", release="2.16.2", device="CPU")
    redrawn(page, lambda: page.select_option('select[name="beside"]', f"lab~2.16.2~{ON_GPU}"))
    named = {row[2] for row in rows(page, "The numbers")}
    assert named == {"CPU", "GPU, model real"}
    for subject in named:
        assert page.locator("main svg.marks text", has_text=subject).count()
    redrawn(page, lambda: page.select_option('select[name="beside"]', "box~2.16.2~CPU"))
    assert {row[2] for row in rows(page, "The numbers")} == {"lab", "box"}


def test_hover_tells_the_value_that_the_table_holds(report, open_page):
    page = at(open_page(), report, "feeders", machine="lab", release="2.16.2", workload="text")
    (shown,) = [row for row in rows(page, "The numbers") if row[:2] == ["sequence", "4"]]
    bar = page.locator('main svg.marks path[aria-label*="sequence ×4"]').first
    bar.hover()
    told = page.locator("#vg-tooltip-element")
    told.wait_for()
    value = re.match(r"[\d,.]+", shown[2])[0]
    assert value in told.inner_text()


def test_numbers_are_those_of_the_takes(report, lab, open_page):
    """By another way than the page's: medians of the lines of the files."""
    page = at(open_page(), report, "feeders", machine="lab", release="2.16.2", device="CPU", workload="text")
    lines = (lab / "lab" / "2.16.2-stack-takes.jsonl").read_text().splitlines()
    takes = [take for take in map(json.loads, lines) if take["workload"] == "text" and take["outcome"] == "measured"]
    shown = {(row[0], int(row[1])): row[2] for row in rows(page, "The numbers")}
    for cell in {(take["feeder"], take["workers"]) for take in takes}:
        speeds = [t["metrics"]["effective_throughput"] for t in takes if (t["feeder"], t["workers"]) == cell]
        expected = [statistics.median(speeds), min(speeds), max(speeds)]
        told = [float(text.replace(",", "")) for text in re.findall(r"[\d,.]*\d", shown[cell])]
        assert told == pytest.approx(expected[: len(told)], rel=1e-3)
    assert shown["generator", 4] == "refused"
    assert shown["sequence-call-lock", 4].endswith("✗")


def test_a_fast_but_wrong_feeder_is_last_and_named(report, open_page):
    page = at(open_page(), report, "feeders", machine="lab", release="2.16.2", workload="text")
    labels = [text for text in page.locator("main svg.marks .role-axis-label text").all_text_contents() if "×" in text]
    order = {label: place for place, label in enumerate(labels)}
    assert order["sequence-call-lock ×4"] > max(order["sequence ×1"], order["sequence-lock ×4"])
    assert "✗ wrong delivery" in page.locator("main svg.marks").text_content()
    answer = at(page, report, "answer", machine="lab", release="2.16.2", workload="text").locator("main").inner_text()
    assert "use tfdata-map with 1 worker" in answer
    assert "wrong delivery: 3 to 9 of 3,000 samples corrupt in an epoch" in answer


def test_a_table_sorts_filters_and_is_copied_as_it_is_shown(report, open_page):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    at(page, report, "feeders", machine="lab", release="2.16.2", workload="text")
    section = page.locator("section", has=page.get_by_role("heading", name="The numbers"))
    section.get_by_role("searchbox").fill("tfdata")
    assert section.locator(".count").inner_text() == "3 of 14 rows"
    head = section.locator("th", has_text="effective throughput")
    speeds = lambda: [float(re.match(r"[\d,]+", row[2])[0].replace(",", "")) for row in rows(page, "The numbers")]  # noqa: E731
    start = speeds()
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert speeds() == sorted(start)
    head.get_by_role("button").press("Enter")
    assert speeds() == sorted(start, reverse=True)
    section.get_by_role("button", name="Copy as CSV").click()
    page.get_by_text("Copied 3 rows as CSV").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert copied[0].startswith("feeder,workers,effective throughput (samples/s),effective throughput (samples/s) low")
    assert [float(line.split(",")[2]) for line in copied[1:]] == pytest.approx(speeds(), rel=1e-3)
    section.get_by_role("button", name="Copy as Markdown").click()
    page.get_by_text("Copied 3 rows as Markdown").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").count("\n") == 4
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "none"
    assert speeds() == start


def test_a_cell_of_the_matrix_opens_its_evidence_and_escape_closes_it(report, open_page):
    page = at(open_page(), report, "delivery", machine="lab", release="2.16.2")
    button = page.get_by_role("button", name="✗ wrong ×4").first
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    assert "3 to 9 of 3,000 samples corrupt" in dialog.inner_text()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert button.evaluate("each => each === document.activeElement")
    assert "This release has not been audited here" in page.locator("main").inner_text()


def test_a_confirmed_change_is_marked_with_its_release_ratio_and_pins(report, open_page):
    page = at(open_page(), report, "releases", machine="lab", workload="text", feeder="sequence", workers=4)
    (change,) = rows(page, "Confirmed changes")
    assert change == ["2.16.2", "2.15.1", "sequence/text/4", "CPU", "whole epochs", "1.25 [1.2, 1.3]", "10"]
    (upgrade,) = rows(page, "What these upgrades changed in the stack")
    assert upgrade[:2] == ["2.16.2", "2.15.1"]
    assert "keras 2.15.0 -> 3.4.1" in upgrade[2]
    assert "× 1.25" in page.locator("main svg.marks").first.text_content()
    marked = {row[0]: row[4] for row in rows(page, "The numbers")}
    assert marked == {"2.15.1": "", "2.16.2": "whole epochs: × 1.25 of the time on 2.15.1", "2.17.1": ""}


def test_the_keyboard_alone_leads_from_page_to_page(report, open_page):
    page = at(open_page(), report, "answer")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    drawn(page, page.evaluate("location.hash").split("/")[1].split("?")[0])
    assert page.locator("nav a[aria-current]").inner_text() == PAGES[2].title


@pytest.fixture(scope="module")
def dark_phone(open_shared_page):
    return open_shared_page(viewport={"width": 360, "height": 740}, color_scheme="dark")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_off_on_a_phone_nor_lost_in_the_dark(report, dark_phone, name):
    page = led(dark_phone, report, name)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    colours = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    text, ground = ([int(part) for part in re.findall(r"\d+", colour)[:3]] for colour in colours)
    assert min(text) > 200 > 60 > max(ground)
    fills = "all => all.map((each) => each.getAttribute('fill').toLowerCase())"
    assert set(page.locator("main svg.marks .role-axis-label text").evaluate_all(fills)) <= {"#e4e9ee"}


def test_what_takes_say_can_not_become_part_of_the_page(report, open_page):
    page = at(open_page(), report, "answer", machine="lab", release="2.16.2", workload="text")
    assert "TypeError: <b>no</b> workers" in page.locator("main").inner_text()


def timed(feeder, seconds_per_batch, gap, workers=1, **metrics):
    of = {"throughput": 3000.0, "effective_throughput": 3000.0, "epoch": 1.0, **metrics}
    return made_up(feeder, workers=workers, metrics={**of, "seconds_per_batch": seconds_per_batch, "gap": gap})


LIMIT = {"limit": 40_000.0, "gil_share": 0.5, "share_of_limit": 7.5}

# Machines of which little is known: what each of the tests below needs.
SMALL = {
    "words": [broken("failed", "no", feeder=feeder) for feeder in ("resident", "generator", "sequence")],
    "one": [made_up()],
    "gap": [timed("sequence", 0.001, 0.5), timed("generator", 0.002, 0.0)],
    "alike": [timed("sequence", 0.001, 0.5), timed("generator", 0.001, 0.5)],
    "knee": [timed("sequence", 0.002, 0.0, **LIMIT), timed("sequence", 0.001, 0.5, workers=4, **LIMIT)],
    "starved": [timed("resident", 0.001, 0.0), timed("sequence", 0.002, 0.5), timed("sequence", 0.004, 0.5)],
}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    for machine, takes in SMALL.items():
        write_takes(folder / "results", takes, machine=machine)
    path = folder / "report.html"
    path.write_text(html_report(folder / "results"), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_words_alone_make_pages_that_say_so_and_no_blank_chart(small, open_page, name):
    page = at(open_page(), small, name, machine="words")
    assert page.get_by_role("alert").count() == 0
    for chart in page.locator("main svg.marks").all():
        assert "failed" in chart.text_content()
    if name == "answer":
        assert "nothing measured is safe" in page.locator("main").inner_text()


def test_one_take_of_one_release_is_enough(small, open_page):
    page = at(open_page(), small, "releases", machine="one")
    assert "No cell was measured on two releases here." in page.locator("main").inner_text()
    assert "No change is confirmed on this machine" in page.locator("main").inner_text()


@pytest.mark.slow
def test_many_results_load_and_stay_quick(tmp_path, open_page):
    """300 cells x 16 releases x 2 machines. The bound is that of a busy machine; what was seen is printed."""
    releases = ["2.4.4", "2.6.5", "2.8.4", "2.9.3", "2.10.1", "2.11.1", "2.12.1", "2.13.1", "2.14.1", "2.15.1"]
    releases += ["2.16.2", "2.17.1", "2.18.1", "2.19.1", "2.20.0", "2.21.0"]
    feeders = [*sorted({take.feeder for take in some_takes()} - {"resident"}), "tfdata-native"]
    cells = [
        made_up(feeder, load, workers, 100.0 + 7 * workers)
        for feeder in feeders
        for load in ("window", "text", "jpeg", "records", "remote")
        for workers in range(1, 10)
    ][:300]
    assert len(cells) == 300
    for machine in ("lab", "box"):
        for release in releases:
            write_takes(tmp_path / "results", cells, release, machine)
    start = time.monotonic()
    path = tmp_path / "report.html"
    path.write_text(html_report(tmp_path / "results"), encoding="utf-8")
    made = time.monotonic() - start
    page = open_page()
    start = time.monotonic()
    at(page, path, "feeders", workload="text")
    loaded = time.monotonic() - start
    start = time.monotonic()
    redrawn(page, lambda: page.select_option('select[name="workload"]', "remote"))
    again = time.monotonic() - start
    size = path.stat().st_size / 1e6
    print(f"made in {made:.1f} s, {size:.1f} MB, loaded in {loaded:.2f} s, drawn again in {again:.2f} s")
    assert loaded < 10
    assert again < 5


@pytest.mark.slow
def test_the_repository_s_own_results_make_a_file_that_can_be_mailed():
    assert len(html_report(ROOT / "results").encode()) < 6e6


def test_the_length_of_an_epoch_is_chosen_in_place_and_stands_in_the_address(small, open_page):
    """A long gap weighs more in short epochs: another feeder is the answer."""
    page = at(open_page(), small, "answer", machine="gap")
    assert "use sequence with" in page.locator("main").inner_text()
    redrawn(page, lambda: length(page, "100"))
    assert "use generator with" in page.locator("main").inner_text()
    assert "batches=100" in page.url
    # Between two lengths that the choice was worked out for its speed is that of batches of 2 ms, in four digits.
    redrawn(page, lambda: length(page, "120"))
    assert "epochs of 100 batches, the nearest" in page.locator("main").inner_text()
    assert "15,460" in page.locator("dd").first.inner_text()
    redrawn(page, lambda: length(page, "12345"))
    assert "epochs of 10,000 batches, the nearest" in page.locator("main").inner_text()
    assert "Speeds are for 12,345." in page.locator("main").inner_text()


def length(page, text):
    """Type a number of batches."""
    page.fill('input[name="batches"]', text)
    page.press('input[name="batches"]', "Enter")


def test_any_length_is_taken_and_what_is_none_is_told(small, open_page):
    page = at(open_page(), small, "feeders", machine="alike")
    redrawn(page, lambda: length(page, "777"))
    assert "batches=777" in page.url
    # 777 batches of 3,000 / 97 samples in 0.777 s and a gap of 0.5 s, in four digits.
    assert "18,820" in page.locator("main").inner_text()
    redrawn(page, lambda: length(page, "5e2"))
    assert "batches=500" in page.url
    at(page, small, "feeders", machine="alike", batches="-3")
    assert "An epoch of -3 batches?" in page.locator("#corrected").inner_text()


def test_the_knee_follows_the_length_of_an_epoch_and_the_limit_is_drawn(small, open_page):
    """Four workers are faster within epochs, and cost a gap: in short ones one is enough."""
    page = at(open_page(), small, "workers", machine="knee")
    assert rows(page, "Where more stop to help, and why")[0][1] == "4"
    assert page.locator("svg text", has_text=re.compile("^limit$")).count() == 1
    redrawn(page, lambda: length(page, "100"))
    assert rows(page, "Where more stop to help, and why")[0][1] == "1"


def test_a_stall_is_of_the_length_that_is_chosen_where_the_ceiling_is_not_shown(small, open_page):
    """0.3 s of batches and a gap of 0.5 s, against 0.1 s of the ceiling, on a page that shows one feeder.

    In epochs of 1,000 batches two takes have 60 and 77.78 %, and in the middle a batch of 3 ms: 0.4375 times as much
    of what is not stalled.
    """
    page = at(open_page(), small, "releases", machine="starved", feeder="sequence", metric="stall", batches=100)
    assert rows(page, "The numbers")[0][2] == "86.39 [82.5, 90.28]"


def test_each_device_is_held_against_its_own_ceiling_in_epochs_of_any_length(tmp_path, open_page):
    """On the first the ceiling has no gap; on the second it has the same as the feeder, so that the stall stays."""
    for environment, gap in (("stack", 0.0), ("stack-KERAS_BACKENDjax", 0.5)):
        takes = [timed("resident", 0.001, gap), timed("sequence", 0.001, 0.5)]
        write_takes(tmp_path / "results", takes, environment=environment)
    path = tmp_path / "report.html"
    path.write_text(html_report(tmp_path / "results"), encoding="utf-8")
    page = at(open_page(), path, "device", machine="lab", batches=100)
    beside = rows(page, "All devices of this host, side by side")
    assert {row[2]: row[5] for row in beside if row[0] == "sequence"} == {"CPU": "83.33", "CPU, jax": "0"}

"""Every page of the report by the rules of axe-core, in the light, in the dark and on a phone."""

from __future__ import annotations

import pytest

from feeders.report import html_report
from feeders.report.pages import PAGES

# The package brings axe-core's script, so nothing is loaded.
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the extra test")

PHONE = {"width": 390, "height": 844}
VIEWS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": PHONE},
}

# How many rules a page passes at least: a check that ran into nothing has passed none.
RULES = 30


@pytest.fixture(scope="module")
def address(lab, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html_report(lab), encoding="utf-8")
    return path.as_uri()


def checked(page, address, name):
    page.goto(f"{address}#/{name}")
    page.wait_for_selector(f'main[data-drawn="{name}"]')
    return axe.Axe().run(page, options={"resultTypes": ["violations", "passes"]})


@pytest.fixture(scope="module", params=VIEWS)
def view(request, open_shared_page):
    return open_shared_page(**VIEWS[request.param])


@pytest.mark.slow
@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_a_page_breaks_no_rule(address, view, name):
    found = checked(view, address, name)
    assert found.violations_count == 0, found.generate_report()
    assert len(found.response["passes"]) > RULES


@pytest.mark.slow
def test_a_broken_rule_is_found(address, open_page):
    page = open_page()
    checked(page, address, "workers")
    page.evaluate("document.querySelector('summary').removeAttribute('aria-label')")
    found = axe.Axe().run(page)
    assert [each["id"] for each in found.response["violations"]] == ["summary-name"]

"""asv's site: a link to a range of releases highlights it, though their ids have dots."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import asv
import pytest

from feeders.releases.site import DOTTED, PLAIN, DottedRanges

SCRIPT = Path(asv.__file__).with_name("www") / "graphdisplay.js"


def test_the_script_of_this_asv_has_what_is_replaced():
    assert SCRIPT.read_text(encoding="utf-8").count(PLAIN) == 1


def test_the_published_script_takes_ids_with_dots(tmp_path):
    (tmp_path / SCRIPT.name).write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    DottedRanges.publish(SimpleNamespace(html_dir=str(tmp_path)), None, None, None, None)
    script = (tmp_path / SCRIPT.name).read_text(encoding="utf-8")
    assert PLAIN not in script
    assert DOTTED in script


@pytest.mark.parametrize("link", ["2.15.1-2.16.2", "k3.5.0-k3.6.0"])
def test_a_range_is_its_two_ends(link):
    """Both languages read this expression alike."""
    assert re.match(DOTTED.strip("/"), link).groups() == tuple(link.split("-"))
    assert not re.match(PLAIN.strip("/"), link)

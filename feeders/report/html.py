"""The page: a template, its style and script, the chart library and the payload in one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Mapping

import jinja2
import vl_convert
from markupsafe import Markup

WEB = Path(__file__).with_name("web")


def render(payload: Mapping[str, Any]) -> str:
    """Return the report as one HTML file that makes no request.

    Args:
        payload: as `payload.payload` returns it; ``as_text`` is the command that prints the same.
    """
    files = jinja2.Environment(
        loader=jinja2.FileSystemLoader(WEB),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    text = json.dumps(payload, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    # The name of a file in a message may be no UTF-8: JSON has an escape for what Python makes of it.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return files.get_template("page.html").render(
        title=payload["title"],
        subtitle=Markup(payload["subtitle"]),
        as_text=payload["as_text"],
        style=_part("style.css"),
        app=_part("app.js"),
        vega=_script(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")),
        # No text of a take may end the script element that it stands in.
        payload=Markup(text.replace("<", "\\u003c")),
    )


def _part(name: str) -> Markup:
    return _script((WEB / name).read_text(encoding="utf-8"))


def _script(text: str) -> Markup:
    return Markup(text.replace("</script", "<\\/script"))

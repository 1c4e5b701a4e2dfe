"""A change of the measured code can't slip into old series: asv keeps them apart by version, and this asks for one.

After a change of code run ``python tests/benchmarks/test_fingerprint.py``; first raise SERIES_VERSION if a series now
means something else.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import tokenize
from pathlib import Path

from feeders.measure.metrics import SERIES_VERSION

ROOT = Path(__file__).resolve().parents[2]
STORED = Path(__file__).with_name("fingerprint.json")
MEASURED = ("feeders/strategies", "feeders/loaders", "feeders/measure")


def code_of(source):
    """Return the source without comments, docstrings and blank lines: those change no number."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def fingerprint():
    files = sorted(path for folder in MEASURED for path in (ROOT / folder).rglob("*.py"))
    hashes = {
        path.relative_to(ROOT).as_posix(): hashlib.sha256(code_of(path.read_text()).encode()).hexdigest()[:12]
        for path in files
    }
    return {"version": SERIES_VERSION, "files": hashes}


def test_a_change_of_the_measured_code_is_judged():
    now, stored = fingerprint(), json.loads(STORED.read_text())
    changed = sorted(
        name for name in {*now["files"], *stored["files"]} if now["files"].get(name) != stored["files"].get(name)
    )
    assert now == stored, (
        f"the code behind asv's series changed since version {stored['version']}: {', '.join(changed) or 'version'}. "
        "If a series now means something else, raise SERIES_VERSION in feeders/measure/metrics.py and say why in "
        "CHANGELOG.md. Either way, then run: python tests/benchmarks/test_fingerprint.py"
    )


def test_comments_and_docstrings_do_not_count():
    plain = "def f():\n    return '# kept'\n"
    talkative = '"""Module."""\n\n# why\ndef f():  # how\n    """What."""\n    return \'# kept\'\n'
    assert code_of(talkative) == code_of(plain)
    assert code_of(plain.replace("kept", "changed")) != code_of(plain)


if __name__ == "__main__":
    STORED.write_text(json.dumps(fingerprint(), indent=2) + "\n")
    print(f"{STORED.relative_to(ROOT)}: written")

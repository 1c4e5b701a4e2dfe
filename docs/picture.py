"""Draw the README's picture: the page Answer of the results that ship with the suite.

python docs/picture.py      needs Chromium; writes docs/images/answer.png
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "answer.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# As wide as a README is shown, and as high as the answer is.
WIDTH, HEIGHT = 1280, 900

# The page draws its charts by script, in well under this many milliseconds of its own clock.
VIRTUAL_TIME = 6000


def main() -> int:
    """Draw it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("docs/picture.py: no Chromium was found. Try: apt install chromium", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "report.html")
        machine = ["env", "FEEDERS_MACHINE=epyc-2core"]
        subprocess.run([*machine, sys.executable, "-m", "feeders", "report", "-o", str(page)], cwd=ROOT, check=True)
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += [f"--window-size={WIDTH},{HEIGHT}", f"--virtual-time-budget={VIRTUAL_TIME}"]
        PICTURE.parent.mkdir(exist_ok=True)
        subprocess.run([browser, *options, f"--screenshot={PICTURE}", page.as_uri()], check=True, capture_output=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

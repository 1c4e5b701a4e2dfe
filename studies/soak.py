"""Audit every planted loader many times over, and tell how often the answer was the known one.

python studies/soak.py                      five runs of each; goes on where it was interrupted
python studies/soak.py --only call-lock     of one loader
python studies/soak.py --runs 6 --busy 2    a sixth, beside two processes that keep cores busy
python studies/soak.py --table              what is known so far
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import hashlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.audit.known_answers import LOADERS, ROWS  # noqa: E402

# An audit may take a few times its --seconds where fit() itself is slow (spawned workers import TensorFlow in every
# epoch), and machines are shared. What is still at work then is wrong, and ended.
LIMIT_SECONDS, LIMIT_FACTOR = 180, 12

# What an audit doesn't import: a change there voids no run.
ELSEWHERE = ("advise", "asv_plugin", "commands", "compare", "releases", "report")

# How long an audit may take to clean up after Ctrl-C before it is killed.
GRACE_SECONDS = 10


class Audits:
    """Runs audits as processes in groups of their own, so that all of them can be ended."""

    def __init__(self, seconds):
        self.seconds = seconds
        self._running = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, row):
        """Run one audit; return its exit status, JSON, printed text and wall seconds, or None if it was ended."""
        with tempfile.TemporaryDirectory() as folder, open(Path(folder, "printed"), "w+b") as printed:
            answer = Path(folder, "answer.json")
            file, name = row.loader.split(":")
            command = [sys.executable, "-m", "feeders", "audit", f"{LOADERS / file}:{name}", *row.options]
            command += ["--seconds", f"{self.seconds:g}", "--json", str(answer)]
            start = time.monotonic()
            status = self._status(command, printed)
            wall = time.monotonic() - start
            if self._stopped:
                return None
            printed.seek(0)
            text = printed.read().decode(errors="replace")
            return {"status": status, "wall": round(wall, 2), "printed": text, "answer": _read(answer)}

    def _status(self, command, printed):
        # A file and not a pipe: a process that an audit left behind would keep a pipe open.
        with self._lock:
            if self._stopped:
                return None
            process = subprocess.Popen(
                command,
                cwd=str(ROOT),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(process)
        try:
            return process.wait(LIMIT_SECONDS + LIMIT_FACTOR * self.seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with self._lock:
                self._running.discard(process)
            _end(process)

    def stop(self):
        """End all that run, and start no more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _signal(process, signal.SIGINT)
        end = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < end and any(process.poll() is None for process in running):
            time.sleep(0.05)
        for process in running:
            _end(process)


def _signal(process, number):
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _end(process):
    """End the whole group: also what an audit that is gone has left in it."""
    _signal(process, signal.SIGKILL)
    process.wait()


def _read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def busy(number):
    """Keep cores busy."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def record(row, run, arguments, seen):
    """Return the line of a finished run; what was printed is kept of a wrong one only."""
    answer = seen["answer"] or {}
    line = {
        "row": row.name,
        "run": run,
        "code": code(),
        "stack": stack(),
        "seconds": arguments.seconds,
        "busy": arguments.busy,
        "verdict": answer.get("verdict"),
        "content": answer.get("content"),
        "causes": sorted({fault.get("cause", "?") for fault in answer.get("faults", [])}),
        "safe": answer.get("safe"),
        "status": seen["status"],
        "wall": seen["wall"],
        "load": round(os.getloadavg()[0], 2),
    }
    line["right"] = not faults(row, line)
    if not line["right"]:
        line.update(printed=seen["printed"], answer=seen["answer"])
    return line


def faults(row, line):
    """What is wrong with an answer, in words; nothing if it is the known one."""
    named = ", ".join(line["causes"]) or "no cause"
    wrong = []
    if line["verdict"] is None:
        return [f"no answer (status {line['status']})"]
    if line["verdict"] not in row.verdicts:
        wrong.append(line["verdict"])
    if line["content"] not in row.contents:
        wrong.append(f"content {line['content']}")
    if line["causes"] != sorted(row.causes):
        wrong.append(f"names {named}")
    if line["status"] != (0 if row.safe else 1) or line["safe"] is not row.safe:
        wrong.append(f"{'safe' if line['safe'] else 'not safe'}, status {line['status']}")
    return wrong


def code():
    """A digest of the audit, of what it imports and of the loaders: answers of other code are not counted."""
    package = ROOT / "feeders"
    files = [path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in ELSEWHERE]
    files += LOADERS.glob("*.py")
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def stack():
    """The versions that an answer depends on."""
    versions = [f"Python {platform.python_version()}"]
    for title, names in (("TensorFlow", ("tensorflow", "tensorflow-cpu")), ("Keras", ("keras",))):
        for name in names:
            with contextlib.suppress(metadata.PackageNotFoundError):
                versions.append(f"{title} {metadata.version(name)}")
                break
    return ", ".join(versions)


def machine():
    """The processor and its cores."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    return f"{model}, {os.cpu_count()} cores, {platform.system()}"


def known(path):
    """Read the lines of all runs so far; a line that a kill has left unfinished is none."""
    lines = []
    with contextlib.suppress(FileNotFoundError):
        for text in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                lines.append(json.loads(text))
    return lines


def append(path, line):
    """Add a line in one write, after the end of one that a kill has left unfinished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(json.dumps(line).encode() + b"\n")


def current(lines, seconds):
    """The runs of this code, on these versions, of this length, by row and number."""
    want = (code(), stack(), seconds)
    return {
        (line["row"], line["run"]): line
        for line in lines
        if (line.get("code"), line.get("stack"), line.get("seconds")) == want
    }


def soak(rows, arguments):
    """Run what is not known yet, round by round."""
    done = current(known(arguments.results), arguments.seconds)
    rounds = [(row, run) for run in range(1, arguments.runs + 1) for row in rows]
    left = [(row, run) for row, run in rounds if (row.name, run) not in done]
    walls = {row.name: [line["wall"] for (name, _), line in done.items() if name == row.name] for row in rows}
    audits = Audits(arguments.seconds)
    pool = concurrent.futures.ThreadPoolExecutor(arguments.lanes)
    try:
        waiting = {pool.submit(audits.run, row): (row, run) for row, run in left}
        for number, future in enumerate(concurrent.futures.as_completed(waiting), 1):
            row, run = waiting.pop(future)
            line = record(row, run, arguments, future.result())
            append(arguments.results, line)
            walls[row.name].append(line["wall"])
            what = "; ".join(faults(row, line)) or "right"
            rest = _rest(waiting.values(), walls) / arguments.lanes
            print(f"[{number}/{len(left)}, {rest / 60:.0f} min left] {row.name} {run}: {what}", flush=True)
    except BaseException:
        for future in waiting:
            future.cancel()
        audits.stop()
        raise
    finally:
        pool.shutdown()


def _rest(pairs, walls):
    every = [wall for some in walls.values() for wall in some]
    return sum(statistics.mean(walls[row.name] or every) for row, _ in pairs)


def table(rows, lines):
    """Return the Markdown table and the number of wrong runs."""
    text = ["| loader | expected | runs | right | seen wrong |", "|---|---|--:|--:|---|"]
    counts = Counter()
    for row in rows:
        runs = [line for (name, _), line in sorted(lines.items()) if name == row.name]
        wrong = Counter("; ".join(found) for found in (faults(row, line) for line in runs) if found)
        right = len(runs) - sum(wrong.values())
        counts.update(runs=len(runs), right=right)
        seen = ", ".join(f"{count} × {what}" for what, count in wrong.most_common())
        text.append(f"| `{row.name}` | {_expected(row)} | {len(runs)} | {right} | {seen} |")
    text.append(f"| all {len(rows)} | | {counts['runs']} | {counts['right']} | |")
    text += ["", f"{machine()}; {stack()}.", *_of_safe([row.name for row in rows if row.safe], lines)]
    return "\n".join(text), counts["runs"] - counts["right"]


def _of_safe(names, lines):
    """Tell how often safe loaders were called unsafe, and how long an audit of one took."""
    runs = [line for (name, _), line in lines.items() if name in names]
    if not runs:
        return []
    beside = sum(line["busy"] > 0 for line in runs)
    alarms = sum(not line["safe"] for line in runs)
    wall, load = (statistics.median(line[name] for line in runs) for name in ("wall", "load"))
    return [
        f"Safe loaders: {len(names)}; {len(runs)} runs, {beside} of them beside busy processes; {alarms} false alarms.",
        f"Median time of such a run: {wall:.0f} s, at a load average of {load:.1f}.",
    ]


def _expected(row):
    return ", ".join([" or ".join(row.verdicts), *(["corrupt"] if "corrupt" in row.contents else []), *row.causes])


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="of each loader")
    parser.add_argument("--seconds", type=float, default=10.0, help="that an audit is given")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these rows of known_answers.py")
    parser.add_argument("--lanes", type=int, default=2, help="audits at once")
    parser.add_argument("--busy", type=int, default=0, help="processes that keep cores busy meanwhile")
    parser.add_argument("--results", type=Path, default=_cache() / "soak.jsonl", help="the file of all runs")
    parser.add_argument("--table", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    unknown = set(arguments.only or ()) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    return arguments


def _cache():
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "feeders"


def _interrupt(number, frame):
    raise KeyboardInterrupt


def main():
    arguments = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # SIGINT too: shells ignore it in their background
        signal.signal(number, _interrupt)
    rows = [row for row in ROWS if not arguments.only or row.name in arguments.only]
    if not arguments.table:
        try:
            with busy(arguments.busy):
                soak(rows, arguments)
        except KeyboardInterrupt:
            print("interrupted; what is finished is kept, the same command goes on", flush=True)
            return 130
    names = {row.name for row in rows}
    lines = current(known(arguments.results), arguments.seconds)
    text, wrong = table(rows, {key: line for key, line in lines.items() if key[0] in names})
    print(text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""A script of plain Keras that shows the fault an audit has found; it is written only if it does."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from feeders.loaders.opening import ARRAYS, SEQUENCE
from feeders.measure.identity import LABELS
from feeders.results.record import CRASHED, FAILED, HUNG, REFUSED
from feeders.terminal import write_atomically

from .result import Audit

# Of the script, which ends by itself before where its fit() hangs.
LONGEST_SECONDS, HANG_SECONDS = 240, 40

# A race that is rare needs some.
FITS = 10

# Where the fault is Keras' own.
STAND_IN = """\
class Loader(keras.utils.PyDataset):
    __len__ = lambda self: 97
    def __getitem__(self, index):
        return np.full((8, 1), index, "float32"), np.zeros((8, 1), "float32")"""

LOADED = """\
sys.path.insert(0, {folder!r})
spec = importlib.util.spec_from_file_location({name!r}, {path!r})
module = sys.modules[{name!r}] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)"""

HEAD = '''\
"""{title}: {verdict}. {summary}
Seen with {stack}; plain Keras, no suite.
"""
import collections, faulthandler, importlib.util, itertools, multiprocessing, os, sys
os.environ.setdefault("KERAS_BACKEND", {backend!r})
import keras, numpy as np
{source}
def made():
    loader = {make}
{settings}    return loader
'''

DELIVERY = """\
def plain(array):  # as Keras casts it
    array = keras.ops.convert_to_numpy(array)
    return array.astype("float32") if array.dtype.kind in "fiub" else array
def samples(batch):
    x, y, w = (*keras.tree.map_structure(plain, tuple(batch)), None, None)[:3]
    return {samples}
class Noting(keras.Model):  # trains nothing, and notes what arrives
    def train_step(self, *arguments):
        arrived.update(samples(arguments[-1]))
        return ({{"none": 0.0}}, arguments[0]) if keras.backend.backend() == "jax" else {{"none": 0.0}}
    call = lambda self, x: x
def alone(loader):
    return collections.Counter(key for batch in {batches} for key in samples(batch) * {epochs})
if __name__ == "__main__":
{start}    wanted = alone(made())
    if wanted != alone(made()):
        sys.exit("the samples are others in each pass: nothing can be compared")
    sys.setswitchinterval(1e-5)
    for number in range({fits}):
        arrived, model = collections.Counter(), Noting()
        model.compile(run_eagerly=True)
        model.fit(made(), {arguments})
        if arrived != wanted:
            sys.exit(f"FAULT in fit() {{number + 1}}: {{sum((wanted - arrived).values())}} samples never arrived, "
                     f"{{sum((arrived - wanted).values())}} came that should not")
"""

ENDING = """\
class Idle(keras.Model):  # trains nothing
    def train_step(self, *arguments):
        return ({{"none": 0.0}}, arguments[0]) if keras.backend.backend() == "jax" else {{"none": 0.0}}
    call = lambda self, x: x
if __name__ == "__main__":
{start}    sys.setswitchinterval(1e-5)
    for number in range({fits}):
        faulthandler.dump_traceback_later({hang}, exit=True)
        model, loader = Idle(), made()
        model.compile(run_eagerly=True)
        print("fit() begins", flush=True)
        model.fit(loader, {arguments})
"""

SAMPLES = (
    "[tuple(part.tobytes() for part in row)"
    " for row in zip(*(part for part in keras.tree.flatten((x, y)) if part is not None))]"
)


def write_repro(found: Audit, path: Path) -> str:
    """Write the script if it shows the fault, and say in a line what came of it.

    Args:
        found: a finished audit.
        path: where to write it.
    """
    text = script(found)
    if not text:
        return f"--repro {path}: not written, there is no fault here that a script of plain Keras can show"
    if not _shows(found, text):
        return f"--repro {path}: not written, plain Keras did not show the fault in {FITS} tries"
    write_atomically(path, text)
    return f"--repro: {path} shows the fault; run it with: python {path}"


def script(found: Audit) -> str:
    """Return the script; nothing where no script can show the fault."""
    request, verdict, known = found.request, found.verdict, found.evidence.description
    losing = [fault for fault in verdict.faults if fault.cause.loses]
    if not losing or known.kind == ARRAYS or known.generation == 2:
        return ""
    keras_alone = losing[0].cause.name == "keras-misdelivers"
    if request.is_feeder and not keras_alone:
        return ""
    stack = [f"{name} {value}" for name, value in found.stack.items() if name != "backend"]
    head = HEAD.format(
        title="Keras" if keras_alone else request.loader.rpartition("/")[2],
        verdict=f"{verdict.word}, {losing[0].cause.name}",
        summary=(losing[0].summary or losing[0].cause.meaning).replace('"', "'"),
        stack=", ".join([*stack, f"backend {found.stack['backend']}"]),
        backend=found.stack["backend"],
        source=STAND_IN if keras_alone else _source(found),
        make="Loader()" if keras_alone else _make(found),
        settings=_settings(found, None if keras_alone else request.cut),
    )
    return head + _body(found, 97 if keras_alone else None)


def _source(found: Audit) -> str:
    place = found.request.source().place
    if not place.endswith(".py"):
        return f"sys.path.insert(0, {str(Path.cwd())!r})\nmodule = importlib.import_module({place!r})"
    path = Path(place).resolve()
    return LOADED.format(folder=str(path.parent), name=f"audited_{path.stem}", path=str(path))


def _make(found: Audit) -> str:
    if found.request.call:
        return f"eval({found.request.call!r}, vars(module))"
    thing = f"module.{found.request.source().name}"
    return f"{thing}() if callable({thing}) else {thing}"


def _settings(found: Audit, cut: int | None) -> str:
    known = found.evidence.description
    if known.kind != SEQUENCE:
        return ""
    shorter = f"    cls, first = type(loader), {cut}  # batches: all of them take long\n"
    shorter += "    cls.__len__, cls.num_batches = (lambda self: first), property(lambda self: first)\n"
    workers = f"    loader.workers, loader.use_multiprocessing = {known.workers}, {known.processes}\n"
    return (shorter if cut else "") + ("" if known.ignores_workers else workers)


def _body(found: Audit, stand_in: int | None) -> str:
    request, known, reference = found.request, found.evidence.description, found.evidence.reference
    steps = stand_in or request.steps or request.cut or (reference.batches if reference else known.length)
    # Parts of one pass, all of them together.
    through = stand_in is None and reference is not None and reference.through
    due = f"{steps} * {request.epochs}" if through else steps
    index = f"i % {known.length}" if through and known.length else "i"
    arguments = f"epochs={request.epochs}, verbose=0, shuffle=False"
    if request.steps and not stand_in:
        arguments += f", steps_per_epoch={request.steps}"
    method = request.start_method
    by_index = known.kind == SEQUENCE
    return (ENDING if found.verdict.word in (REFUSED, FAILED, HUNG, CRASHED) else DELIVERY).format(
        samples=_samples(request.key),
        batches=f"(loader[{index}] for i in range({due}))" if by_index else f"itertools.islice(iter(loader), {due})",
        epochs=1 if through else request.epochs,
        start=f"    multiprocessing.set_start_method({method!r}, force=True)\n" if method else "",
        fits=FITS,
        hang=HANG_SECONDS,
        arguments=arguments,
    )


def _samples(key: str | None) -> str:
    if key is None:
        return SAMPLES
    return "[row.tobytes() for row in y]" if key == LABELS else f"list({key})"


def _shows(found: Audit, text: str) -> bool:
    """Run it, and see whether it says what the audit says."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "repro.py"
        path.write_text(text, encoding="utf-8")
        try:
            ended = subprocess.run(
                [sys.executable, str(path)], capture_output=True, text=True, timeout=LONGEST_SECONDS, errors="replace"
            )
        except subprocess.TimeoutExpired:
            return False
    word, message = found.verdict.word, found.verdict.message
    if word not in (REFUSED, FAILED, HUNG, CRASHED):
        return "FAULT in fit()" in ended.stderr
    if "fit() begins" not in ended.stdout or ended.returncode == 0:
        return False
    if word == HUNG:
        return "Timeout (" in ended.stderr
    if word == CRASHED:
        return ended.returncode < 0 or "Traceback" not in ended.stderr
    return bool(re.search(rf"^(\S+\.)?{re.escape(message.split(':')[0])}\b", ended.stderr, flags=re.MULTILINE))

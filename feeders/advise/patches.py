"""The lines to copy: a call of ``fit()`` that carries a loader by a feeder, as it runs when pasted."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Mapping

from feeders.loaders.opening import PACKAGE, SEQUENCE
from feeders.loaders.own import HOOKS
from feeders.measure import Cell

from .look import Look

# Of the suite's pools that take a loader by index: the class.
_POOLS = {
    "lookahead-threads": "LookaheadThreads",
    "lookahead-processes": "LookaheadProcesses",
    "queue-threads": "QueueThreads",
}


def patch(cell: Cell, look: Look) -> str:
    """Return Python that calls ``model.fit()`` by a way of feeding.

    It needs the names that the person's own call has: ``model``, and what makes the loader.

    Args:
        cell: the way.
        look: at the loader.
    """
    return _PATCHES[cell.feeder](cell, look)


def is_patched(feeder: str) -> bool:
    """Whether there are lines for a feeder."""
    return feeder in _PATCHES


def lifted_file(cell: Cell) -> Path | None:
    """Return the file that stands alone, for who does not want the dependency; None where plain Keras does it."""
    if cell.feeder not in (*_POOLS, "prefetch-thread"):
        return None
    return PACKAGE / "strategies" / f"{cell.feeder.replace('-', '_')}.py"


def _workers(cell: Cell, look: Look, processes: bool) -> str:
    steps = f", steps_per_epoch={look.steps}" if look.cut else ""
    if (cell.workers, processes) == (look.workers, look.processes):
        return _guarded(f"model.fit({look.expression}{steps})", processes)
    if look.generation == 2:
        options = f"workers={cell.workers}, use_multiprocessing={processes}, max_queue_size=10"
        return _guarded(f"model.fit({look.expression}{steps}, {options})", processes)
    lines = [
        f"loader = {look.expression}",
        f"loader.workers, loader.use_multiprocessing = {cell.workers}, {processes}",
        *(["loader.max_queue_size = 10"] if look.ignores_workers else []),
        f"model.fit(loader{steps})",
    ]
    return _guarded("\n".join(lines), processes)


def _sequence(cell: Cell, look: Look) -> str:
    return _workers(cell, look, processes=False)


def _sequence_processes(cell: Cell, look: Look) -> str:
    return _workers(cell, look, processes=True)


def _pool(cell: Cell, look: Look) -> str:
    name, cut = _POOLS[cell.feeder], f", steps={look.steps}" if look.cut else ""
    # Under a strategy Keras begins a pass that it does not train on, and a generator can't begin again.
    fed, others = (
        (f"pool_dataset(pool{cut})", ", pool_dataset")
        if look.distributed
        else (f"pool.batches(), steps_per_epoch={look.steps if look.cut else 'len(pool)'}", "")
    )
    body = f"with {name}({look.expression}, workers={cell.workers}) as pool:\n    model.fit({fed})"
    return f"from feeders import {name}{others}\n\n{_guarded(body, cell.feeder == 'lookahead-processes')}"


def _prefetch(cell: Cell, look: Look) -> str:
    lines, source = _source(look)
    return (
        f"from feeders import PrefetchThread\n\n{lines}"
        f"with PrefetchThread({source}) as prefetch:\n"
        f"    model.fit(prefetch.batches(), steps_per_epoch={_steps(look)})"
    )


def _generator(cell: Cell, look: Look) -> str:
    lines, source = _source(look)
    if look.kind != SEQUENCE:
        return f"model.fit({look.expression}, steps_per_epoch={_steps(look)})"
    return (
        f"import itertools\n\n{lines}"
        f"batches = (batch for _ in itertools.count() for batch in {source}())\n"
        f"model.fit(batches, steps_per_epoch={_steps(look)})"
    )


def _tfdata_generator(cell: Cell, look: Look) -> str:
    lines, source = _source(look)
    first = "loader[0]" if look.kind == SEQUENCE else f"next(iter({look.expression}))"
    # An epoch that is told its steps goes on where the last one ended, and a source may end there.
    again = ".repeat()" if _is_told(look) else ""
    return (
        f"import tensorflow as tf\n\n{lines}"
        f"first = tf.nest.map_structure(tf.convert_to_tensor, {first})\n"
        "spec = tf.nest.map_structure(lambda part: tf.TensorSpec([None, *part.shape[1:]], part.dtype), first)\n"
        f"dataset = tf.data.Dataset.from_generator({source}, output_signature=spec){again}\n"
        f"model.fit(dataset.prefetch(tf.data.AUTOTUNE){_of_an_epoch(look)})"
    )


def _tfdata_map(cell: Cell, look: Look) -> str:
    return (
        "import numpy as np\nimport tensorflow as tf\n\n"
        f"loader = {look.expression}\n"
        "first = [np.asarray(part) for part in loader[0]]\n\n\n"
        "def prepare(index):\n"
        "    parts = tf.numpy_function(lambda i: loader[int(i)], [index], [part.dtype for part in first])\n"
        "    return tuple(tf.ensure_shape(part, (None, *one.shape[1:])) for part, one in zip(parts, first))\n\n\n"
        f"indices = tf.data.Dataset.range(len(loader)){'.repeat()' if look.cut else ''}\n"
        f"dataset = indices.map(prepare, num_parallel_calls={cell.workers}).prefetch(tf.data.AUTOTUNE)\n"
        f"model.fit(dataset{_of_an_epoch(look)})"
    )


def _tfdata_native(cell: Cell, look: Look) -> str:
    return f"import tensorflow as tf\n\nmodel.fit({look.expression}.prefetch(tf.data.AUTOTUNE){_of_an_epoch(look)})"


def _arrays(cell: Cell, look: Look) -> str:
    # Keras shuffles arrays by default; whoever has arrays wrote their own call.
    return f"model.fit(*{look.expression})"


_PATCHES: Mapping[str, Callable[[Cell, Look], str]] = {
    "arrays": _arrays,
    "generator": _generator,
    "sequence": _sequence,
    "sequence-processes": _sequence_processes,
    "tfdata-generator": _tfdata_generator,
    "tfdata-map": _tfdata_map,
    "tfdata-native": _tfdata_native,
    "lookahead-threads": _pool,
    "lookahead-processes": _pool,
    "queue-threads": _pool,
    "prefetch-thread": _prefetch,
}


def _guarded(body: str, processes: bool) -> str:
    """Worker processes that start anew import the script, which must not train then."""
    if not processes:
        return body
    lines = "\n".join(f"    {line}" if line else "" for line in body.splitlines())
    return f'if __name__ == "__main__":\n{lines}'


def _steps(look: Look) -> str:
    return "len(loader)" if look.kind == SEQUENCE and not look.cut else str(look.steps)


def _is_told(look: Look) -> bool:
    """Whether ``fit()`` has to be told the steps of an epoch."""
    return look.cut or not look.sized


def _of_an_epoch(look: Look) -> str:
    """The steps of an epoch, where they are not those that the loader tells."""
    return f", steps_per_epoch={look.steps}" if _is_told(look) else ""


def _source(look: Look) -> tuple[str, str]:
    """Lines that come first, and what names a function that makes an iterator of batches."""
    if look.kind == SEQUENCE:
        begin, end = (f"    loader.{hook}()\n" if hook in look.hooks else "" for hook in HOOKS)
        lines = (
            f"loader = {look.expression}\n\n\n"
            "def one_epoch():\n"
            f"{begin}"
            "    for index in range(len(loader)):\n"
            "        yield loader[index]\n"
            f"{end}\n\n"
        )
        return lines, "one_epoch"
    called = look.expression[:-2] if look.expression.endswith("()") else ""
    return "", called if called.isidentifier() else f"lambda: {look.expression}"

"""From evidence to a verdict: what was seen twice, what it is called, and what to do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Iterator

from feeders.loaders.opening import DATASET, GENERATOR, ITERATOR, SEQUENCE
from feeders.results.record import CRASHED, FAILED, HUNG, REFUSED

from .causes import cause
from .evidence import ENDED, Evidence, FitRun
from .extras import EPOCHS_AT_LEAST, GROWTH_BYTES, JUDGED
from .loader import audited_files
from .request import Request
from .source import call_lock, changed_names, function_at, functions_in, shared_reader

# A fault is reported once so many independent observations of it were made.
OBSERVATIONS = 2

IN_WORKER = "open it in the worker, at its first use there."

WHOLE, CORRUPT, NOT_COMPARED = "whole", "corrupt", "not compared"

# Of the rate of a fault that was not seen.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Fault:
    """Something wrong, with its name.

    Attributes:
        cause: name of a `Cause`.
        seen: what was seen, with numbers.
        where: file:line of the person's code, and what happens there.
        observations: independent ones.
        advice: particular to this loader; the general one stands with the cause.
    """

    cause: str
    seen: str
    where: tuple[str, ...] = ()
    observations: int = OBSERVATIONS
    advice: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the audit says.

    Attributes:
        word: exactly-once, at-least-once, at-most-once, none, refused, failed, hung or crashed.
        content: whole, corrupt or not compared.
        faults: what is wrong; none in a safe loader.
        notes: what a person should know that is no fault of this use.
        deliveries: batches that were made or delivered while others were.
        message: for words that are outcomes: what was raised, where it stood.
        pending: something was seen once.
    """

    word: str
    content: str
    faults: tuple[Fault, ...]
    notes: tuple[str, ...] = ()
    deliveries: int = 0
    message: str = ""
    pending: bool = False

    @property
    def safe(self) -> bool:
        """Whether it is safe as used."""
        return not self.faults

    @property
    def unseen_rate(self) -> float | None:
        """The share of deliveries that a fault must hit to have been seen with 95 % probability."""
        return 1 - (1 - CONFIDENCE) ** (1 / self.deliveries) if self.deliveries else None


def judge(request: Request, evidence: Evidence) -> Verdict:
    """Judge the evidence as it stands; call it again when there is more."""
    return _Judge(request, evidence).verdict()


@dataclass
class _Judge:
    request: Request
    evidence: Evidence
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pending: bool = False

    def verdict(self) -> Verdict:
        self._theirs: Callable[[str], bool] = audited_files(self.request)
        self._ended_badly = [run for run in self.evidence.fits if run.outcome != ENDED]
        corrupt = self._races()
        outcome, message = self._outcome()
        self._static()
        self._lengths()
        self._random_numbers()
        self._growth()
        word, content = self._guarantee(corrupt) if outcome == ENDED else (outcome, NOT_COMPARED)
        if outcome == ENDED:
            self._unexplained(word, content)
        return Verdict(
            word=word,
            content=content,
            faults=tuple(_once(self.faults)),
            notes=tuple(dict.fromkeys(self.notes)),
            deliveries=self._deliveries(),
            message=message,
            pending=self.pending,
        )

    # What ended otherwise than it should.

    def _outcome(self) -> tuple[str, str]:
        """The word for how ``fit()`` ended, if twice it did not end well, and name its cause."""
        bad = self._ended_badly
        broken = self.evidence.broken
        stuck = [run for run in self.evidence.pulls if run.outcome in (HUNG, CRASHED) and self._pulls_as_keras()]
        count = len(bad) + bool(broken) + len(stuck)
        if count < OBSERVATIONS:
            self.pending = self.pending or count > 0
            if bad:
                self.notes.append(
                    f"one fit() {bad[0].outcome} and no other one did: not judged. {_head(bad[0].message)}"
                )
            return ENDED, ""
        run = bad[0] if bad else None
        word, message = (run.outcome, run.message) if run else broken or (stuck[0].outcome, stuck[0].message)
        namers: dict[str, Callable[[str, FitRun | None, int], None]] = {
            REFUSED: self._name_refusal,
            FAILED: self._name_failure,
            HUNG: self._name_hang,
            CRASHED: self._name_crash,
        }
        namers[word](message, run, count)
        return word, message

    def _name_refusal(self, message: str, run: FitRun | None, count: int) -> None:
        if not self.evidence.first.get("started"):  # else named by _static
            self._add("refused-by-keras", _head(message), observations=count)

    def _name_failure(self, message: str, run: FitRun | None, count: int) -> None:
        where = self._frames(message, run)
        first = self.evidence.first
        pickling = first.get("unpicklable")
        if pickling and self._pickles() and "pickle" in message:
            return  # named by _static
        if "generator already executing" in message or "NOT thread-safe" in message:
            self._add("generator-shared", _head(message), where, count)
            return
        raised = first.get("raised") or {}
        if first.get("length") and "IndexError" in raised.get("error", "") and raised["after"] == raised["index"] > 0:
            text = f"the length is {first['length']}, and batch {raised['index']} raises {raised['error']}"
            self._add("length-too-long", text, self._own(raised["frames"]), count)
            return
        if first.get("empty") or any(cause(fault.cause).race for fault in self.faults):
            return  # named by _lengths and _races
        self._add("raises", _head(message), where, count)

    def _name_hang(self, message: str, run: FitRun | None, count: int) -> None:
        where = self._frames(run.printed if run else message, None)
        if self.evidence.control and self.evidence.control.outcome == HUNG:
            text = "fit() with a PyDataset that shares no state hangs in the same way on this Keras"
            self._add("keras-hangs", text, where, count)
        if self.evidence.first.get("unpicklable") and self._pickles():
            return
        batches = self.evidence.reference.batches if self.evidence.reference else self.evidence.first.get("length") or 0
        delivered = run.batches if run else None
        text = f"{delivered if delivered is not None else 'no'} batches delivered, then nothing"
        at_end = run is not None and batches and run.batches and run.batches % batches in (0, batches - 1)
        at_end = at_end or (run is not None and batches > 0 and _reads_of_last_epoch(run) >= batches)
        if at_end:
            text = f"{delivered} batches delivered, {batches} to the epoch, then nothing"
        self._add("hangs-at-epoch-end" if at_end else "hangs", text, where, count)

    def _name_crash(self, message: str, run: FitRun | None, count: int) -> None:
        where = self._frames(run.printed if run else message, None)
        if "GiB of memory" in message[:80]:
            self._add("memory-limit", _head(message), where, count)
        elif message.startswith("ended by"):
            self._add("killed", _head(message), where, count)
        else:
            self._add("exits", _head(message), where, count)

    # Races.

    def _races(self) -> bool:
        """Name what changes content under concurrency; return whether that was seen often enough."""
        findings = [(number, found) for number, run in enumerate(self.evidence.pulls) for found in run.findings]
        if not self._pulls_as_keras():
            self._beyond_this_keras([found for _, found in findings])
            return False
        changed = [item for item in findings if item[1]["kind"] == "changed"]
        reused = self.evidence.first.get("reused")
        if reused and (self.evidence.second.get("reused") or changed):
            owner = reused.get("owner") or "memory of the loader"
            text = f"batch {reused['index']} was overwritten when batch {reused['by']} was made; it is part of {owner}"
            self._add("reused-buffer", text)
            return True
        wrong = [item for item in findings if item[1]["kind"] in ("wrong", "pulled")]
        raised = [item for item in findings if item[1]["kind"] == "raised"]
        if _observations(changed) >= OBSERVATIONS:
            text = f"{len(changed)} batches changed after they were returned"
            self._add("reused-buffer", text, observations=_observations(changed))
            return True
        known = self.evidence.first.get("raised")
        races = [*wrong, *([] if known else raised)]
        if _observations(races) < OBSERVATIONS:
            if races:
                self.pending = True
                self.notes.append(f"seen once and never again, so not judged: {_finding(races[0][1])}")
            return False
        self._name_race(races)
        return _observations(wrong) >= OBSERVATIONS and self.evidence.first.get("kind") in (SEQUENCE, DATASET)

    def _name_race(self, found: list[tuple[int, dict[str, Any]]]) -> None:
        """Find out from the places held, and from the source around them, what is shared."""
        places: dict[tuple[str, int], int] = {}
        for _, one in found:
            if one["place"]:
                key = (one["place"]["file"], one["place"]["line"])
                places[key] = places.get(key, 0) + 1
        raised = [tuple(frame[:2]) for _, one in found for frame in one.get("frames", ()) if self._theirs(frame[0])]
        ran = {(place["file"], place["line"]) for _, one in found for place in one["beside"]}
        run_alone = [] if places or ran else [line for run in self.evidence.pulls for line in run.lines]
        observations = _observations(found)
        text = "; ".join(dict.fromkeys(_finding(one) for _, one in found[:3]))
        where = self._where(places, found)
        functions = [
            (file, function)
            for file, function in dict.fromkeys(
                (file, function_at(file, line)) for file, line in [*places, *raised[-1:], *sorted(ran), *run_alone]
            )
            if function is not None and self._theirs(file)
        ]
        if not functions and not self.request.is_feeder:
            # Before Python 3.12 threads that TensorFlow starts are not seen: only the text is left.
            file, name = (self.request.origin().place, self.request.origin().name)
            functions = [(file, function) for function in functions_in(file, name)]
        if any("generator already executing" in one.get("error", "") for _, one in found):
            self._add("generator-shared", text, where or tuple(self._own(found[0][1].get("frames", ()))), observations)
            return
        named = False
        for file, function in functions:
            line = call_lock(function)
            if line is not None:
                note = f"{file}:{line}: a new lock in each call"
                self._add("call-lock", text, (note,), observations)
                named = True
                break
        reader = next(((file, r) for file, f in functions for r in (shared_reader(f),) if r is not None), None)
        held = [handle for handle in self.evidence.first.get("handles", ()) if handle["library"]]
        if reader is not None:
            file, (name, first, last) = reader
            span = f"line {first}" if first == last else f"lines {first} to {last}"
            advice = f"Hold one lock over {span} of {file}; {name} is what is shared."
            if self.evidence.first.get("processes"):
                advice = f"{name} ({span} of {file}) is shared since the fork, and no thread's lock helps: {IN_WORKER}"
            self._add("shared-handle", text, where, observations, advice)
        elif held:
            advice = f"{held[0]['path']} ({held[0]['type']}) is what is shared."
            self._add("shared-handle", text, where, observations, advice)
        elif not named:
            names = {name: lines for _, f in functions for name, lines in changed_names(f).items()}
            advice = ""
            if names:
                lines = sorted(line for part in names.values() for line in part)
                advice = f"Changed by several at once: {', '.join(sorted(names))} (line {', '.join(map(str, lines))})."
            self._add("shared-state", text, where, observations, advice)

    def _where(self, places: dict[tuple[str, int], int], found: list[tuple[int, dict[str, Any]]]) -> tuple[str, ...]:
        lines = []
        for (file, line), times in sorted(places.items(), key=lambda item: -item[1])[:4]:
            beside = sorted(
                {
                    place["line"]
                    for _, one in found
                    for place in one["beside"]
                    if one["place"]
                    and (one["place"]["file"], one["place"]["line"]) == (file, line)
                    and place["file"] == file
                }
            )
            others = f", others ran line {', '.join(map(str, beside[:6]))}" if beside else ""
            lines.append(f"{file}:{line}: while one thread stood here{others}: {times} wrong")
        return tuple(lines)

    def _beyond_this_keras(self, findings: list[dict[str, Any]]) -> None:
        """What threads of one's own would do to an iterator that this Keras pulls from one thread."""
        raised = next((found for found in findings if found["kind"] == "raised"), None)
        pulled = next((found for found in findings if found["kind"] == "pulled"), None)
        if raised:
            self.notes.append(f"pulled by several threads, which this Keras does not do: {_head(raised['error'])}")
        elif pulled:
            self.notes.append(f"pulled by several threads, which this use does not do: {_finding(pulled)}")

    # What needs no race.

    def _static(self) -> None:
        first = self.evidence.first
        if first.get("ignores_workers"):
            said = [text for run in self.evidence.fits for text in run.said if "super().__init__" in text]
            self._add("super-not-called", f"{first['workers']} workers were asked for, one was used", tuple(said[:1]))
        if first.get("started"):
            text = "it is exhausted" if first["started"] == "exhausted" else "it is in the middle of its run"
            self._add("consumed", f"handed over, {text}")
        fault = first.get("unpicklable")
        if fault and first.get("processes"):
            text = f"{fault['attribute']} ({fault['type']}): {fault['error']}"
            if self._pickles():
                self._add("not-picklable", text)
            else:
                self.notes.append(
                    f"under spawn or forkserver (the default from Python 3.14) it could not start: {text}"
                )

    def _pickles(self) -> bool:
        """Whether worker processes get the loader pickled."""
        return bool(self.evidence.first.get("pickles"))

    def _lengths(self) -> None:
        first, second = self.evidence.first, self.evidence.second
        length = first.get("length")
        empty = first.get("empty") or ()
        if empty and second.get("empty"):
            text = f"the length is {length}, and batch {empty[0]} is empty"
            self._add("length-too-long", text)
        if length and first.get("wrapped") and second.get("wrapped"):
            self._add("length-too-long", f"the length is {length}, and its last batch comes a second time")
        found = self.evidence.beyond.get("contents")
        reference = self.evidence.reference
        if found and reference and reference.reproducible and not first.get("raised"):
            known = self._known()
            new = [[content for content in part if content not in known] for part in found]
            lost = sum(map(len, new))
            if lost:
                short = len([part for part in new if part]) == 1 and lost < self.evidence.beyond["size"]
                text = f"the length is {length}; batch {length} holds {len(found[0])} samples, {lost} are never reached"
                self._add("last-batch-lost" if short else "length-too-short", text)
        if first.get("overlap") and second.get("overlap"):
            text = f"every sample comes {first['overlap']} times in a single pass"
            self._add("overlapping-shards", text)

    def _random_numbers(self) -> None:
        same = [run for run in self.evidence.draws if _replayed(run)]
        if len(same) >= OBSERVATIONS:
            count = len(same[0]["processes"])
            text = f"{count} worker processes gave equal content for the same call, which gives new content each time"
            known = self._known()
            copied = all(value in known for part in same[0]["processes"][0] for value in part)
            self._add("copied-generator" if copied else "same-random-numbers", text, observations=len(same))

    def _known(self) -> set[int]:
        """Contents of all samples that one thread has read."""
        epochs = self.evidence.first.get("epochs", ())
        return {content for state in epochs for _, contents in state for content in contents}

    def _growth(self) -> None:
        epochs = self.evidence.growth.get("epochs", [])
        if len(epochs) < EPOCHS_AT_LEAST:
            if self.evidence.growth.get("cut"):
                self.notes.append(
                    f"whether memory, threads, processes or open files grow was not judged: {len(epochs)} epochs were "
                    f"read in the time there was, {EPOCHS_AT_LEAST} are needed. Try: a larger --seconds"
                )
            return
        last = epochs[-JUDGED - 1 :]
        steps = {name: [b[name] - a[name] for a, b in zip(last, last[1:])] for name in last[0]}
        lines = tuple(
            f"{file}:{line}: {size / 1024:,.0f} KiB more" for file, line, size in self.evidence.growth["lines"]
        )
        targets = [
            f"{file}:{line}: {name}" for file, line, name in self.evidence.growth["targets"] if self._theirs(file)
        ]
        if min(steps["bytes"]) > GROWTH_BYTES:
            self._add("grows-memory", f"{min(steps['bytes']) / 1024:,.0f} KiB more after each epoch", lines, JUDGED)
        for name, where in (("threads", tuple(targets[-1:])), ("processes", ()), ("files", ())):
            # A thread or a process holds files of its own.
            if name in steps and min(steps[name]) > 0 and not (name == "files" and self._grows("threads", "processes")):
                text = f"{min(steps[name])} more {'open ' if name == 'files' else ''}{name} after each epoch"
                self._add(f"grows-{name}", text, where, JUDGED)

    def _grows(self, *names: str) -> bool:
        return any(fault.cause == f"grows-{name}" for fault in self.faults for name in names)

    # What arrived.

    def _guarantee(self, corrupt: bool) -> tuple[str, str]:
        reference = self.evidence.reference
        if reference is None:
            return FAILED, NOT_COMPARED
        seen = {name: self._fits_with(name) for name in ("missing", "duplicated", "corrupt", "stale")}
        self._ends_early()
        self._hooks(seen)
        spoilt = corrupt or len(seen["corrupt"]) >= OBSERVATIONS
        missing, duplicated = (len(seen[name]) >= OBSERVATIONS for name in ("missing", "duplicated"))
        self.pending = self.pending or any(len(runs) == 1 for runs in seen.values())
        if spoilt and reference.addressed and not reference.named and self._each_index_once():
            missing = duplicated = False  # each index arrived once: what is wrong is what it holds
        names = {fault.cause for fault in self.faults}
        missing = missing or bool(names & {"last-batch-lost", "length-too-short", "consumed", "ends-early"})
        duplicated = duplicated or "overlapping-shards" in names or bool(self.evidence.first.get("wrapped"))
        content = CORRUPT if spoilt else WHOLE if reference.reproducible else NOT_COMPARED
        if missing:
            return "none" if duplicated else "at-most-once", content
        return "at-least-once" if duplicated else "exactly-once", content

    def _fits_with(self, name: str) -> list[FitRun]:
        return [run for run in self.evidence.fits if any(getattr(epoch, name) for epoch in run.epochs)]

    def _hooks(self, seen: dict[str, list[FitRun]]) -> None:
        """Lost and repeated samples, where workers read an epoch before its hook had ended."""
        early = [run for run in seen["missing"] if _read_before_hook(run)]
        if len(early) >= OBSERVATIONS:
            reads = max(_read_before_hook(run) for run in early)
            text = f"up to {reads} batches of an epoch were read before on_epoch_begin had ended"
            self._add("hook-reorders", text, observations=len(early))

    def _each_index_once(self) -> bool:
        batches = self.evidence.reference.batches if self.evidence.reference else 0
        return all(
            run.batches == batches * len(run.epochs)
            for run in self.evidence.fits
            if run.outcome == ENDED and run.epochs
        )

    def _ends_early(self) -> None:
        """It ended by itself, in the serial pass too, and fit() got less than its epochs need."""
        reference, first, epochs = self.evidence.reference, self.evidence.first, self.request.epochs
        assert reference is not None
        iterator = first["kind"] in (GENERATOR, ITERATOR)
        wanted = (self.request.steps or reference.batches) * epochs
        ended = sum(map(len, first["epochs"])) < wanted if iterator else reference.batches < (self.request.steps or 0)
        short = [run for run in self.evidence.fits if run.outcome == ENDED and run.batches < wanted]
        if ended and short:
            said = [text for run in short for text in run.said if "ran out of data" in text]
            text = (
                f"{short[0].batches} batches came for {epochs} epoch{'s' if epochs > 1 else ''}; {wanted} were wanted"
            )
            self._add("ends-early", text, tuple(said[:1]), 1 + len(short))

    def _unexplained(self, word: str, content: str) -> None:
        """A fault without a name is a fault all the same."""
        if self.evidence.reference is None:
            raised = self.evidence.first.get("raised") or {}
            text = f"read by one thread it raised {_head(raised.get('error', 'nothing'))}; fit() came to its end"
            if not self.faults:
                self._add("raises", text, self._own(raised.get("frames", ())), 1)
            return
        loses = [fault for fault in self.faults if cause(fault.cause).loses]
        if loses or (word == "exactly-once" and content != CORRUPT):
            return
        control = self.evidence.control
        if control and any(epoch.missing or epoch.duplicated or epoch.corrupt for epoch in control.epochs):
            text = f"fit() with a PyDataset that shares no state does too; {self._worst_epoch()}"
            self._add("keras-misdelivers", text)
            return
        generation_2 = self.evidence.first.get("generation") == 2
        iterates = (
            self.evidence.first.get("kind") in (GENERATOR, ITERATOR) and self.evidence.first.get("workers", 1) > 1
        )
        seen = self._worst_epoch()
        if iterates and generation_2:
            copied = self.evidence.first.get("processes")
            self._add("copied-generator" if copied else self._iterator_cause(), seen)
        else:
            self._add("unexplained", seen)

    def _iterator_cause(self) -> str:
        return "shared-state" if any(run.findings for run in self.evidence.pulls) else "epoch-leak"

    def _worst_epoch(self) -> str:
        epochs = [epoch for run in self.evidence.fits for epoch in run.epochs]
        worst = max(epochs, key=lambda epoch: sum(filter(None, (epoch.missing, epoch.duplicated, epoch.corrupt))))
        counts = {"missing": worst.missing, "duplicated": worst.duplicated, "corrupt": worst.corrupt}
        return f"of {worst.delivered} samples in an epoch: " + ", ".join(
            f"{n} {name}" for name, n in counts.items() if n
        )

    def _pulls_as_keras(self) -> bool:
        """Whether our own workers pull it in a way in which this Keras does too."""
        kind, several = self.evidence.first.get("kind"), self.evidence.first.get("workers", 1) > 1
        if kind in (GENERATOR, ITERATOR):
            return several and not self.evidence.first.get("processes")
        return kind == DATASET or (kind == SEQUENCE and several)

    def _deliveries(self) -> int:
        """Batches made while others were: what a race had the chance to hit."""
        pulled = sum(run.calls for run in self.evidence.pulls) if self._pulls_as_keras() else 0
        return sum(run.batches for run in self.evidence.fits) + pulled

    # Words.

    def _add(
        self, name: str, seen: str, where: Iterable[str] = (), observations: int = OBSERVATIONS, advice: str = ""
    ) -> None:
        self.faults.append(Fault(name, seen, tuple(where), observations, advice))

    def _own(self, frames: Iterable[Any]) -> tuple[str, ...]:
        return tuple(f"{file}:{line}: in {name}" for file, line, name in frames if self._theirs(file))[-1:]

    def _frames(self, message: str, run: FitRun | None) -> tuple[str, ...]:
        """Lines of the person's code that a traceback or a stack dump names; the innermost alone of an exception."""
        raised = (run.answer.get("raised") if run else None) or {}
        own = self._own(raised.get("frames", ()))
        if own:
            return own
        message = raised.get("text") or message
        found = re.findall(r'File "([^"]+)", line (\d+),? in (\S+)', message)
        lines = [f"{file}:{line}: in {name}" for file, line, name in found if self._theirs(file)]
        return tuple(dict.fromkeys(lines))[-1:] if run else tuple(dict.fromkeys(lines))[:4]


def _once(faults: list[Fault]) -> Iterator[Fault]:
    """One fault to the cause."""
    seen: set[str] = set()
    for fault in faults:
        if fault.cause not in seen:
            seen.add(fault.cause)
            yield fault


def _observations(findings: list[tuple[int, dict[str, Any]]]) -> int:
    """Trials are independent of each other: each starts from the same state and draws where to hold."""
    return len({(process, found["trial"]) for process, found in findings})


def _replayed(run: dict[str, Any]) -> bool:
    processes, alone = run["processes"], run["alone"]
    return all(given == processes[0] for given in processes) and all(a != b for a, b in zip(*alone))


def _read_before_hook(run: FitRun) -> int:
    """Most batches of an epoch that were read before its hook had ended."""
    most = reads = 0
    for event in run.events:
        if event["event"] == "end":
            reads = 0
        elif event["event"] == "read":
            reads += 1
        elif event["event"] == "hook" and event["name"] == "on_epoch_begin":
            most, reads = max(most, reads), 0
    return most


def _reads_of_last_epoch(run: FitRun) -> int:
    """Different batches that have been made since an epoch ended last."""
    begin = max((place for place, event in enumerate(run.events) if event["event"] == "end"), default=0)
    return len({event["index"] for event in run.events[begin:] if event["event"] == "read"})


def _finding(found: dict[str, Any]) -> str:
    if found["kind"] == "raised":
        return (
            f"batch {found['index']} raised {_head(found['error'])}"
            if found["index"] is not None
            else _head(found["error"])
        )
    if found["kind"] == "pulled":
        return f"{found['duplicated']} duplicated, {found['missing']} missing, {found['torn']} unknown samples"
    what = f"what belongs to batch {', '.join(map(str, found['of']))}" if found["of"] else "content of no sample"
    return f"batch {found['index']} held {what} ({found['wrong']} samples)"


def _head(text: str) -> str:
    line = next((line for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= 200 else f"{line[:200]}..."

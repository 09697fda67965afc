"""`labgrade grade`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from labgrade import clock, course, exports
from labgrade.cli import FINDINGS, FINE, HARNESS, INTERRUPTED
from labgrade.cohort.batch import Batch, Ending
from labgrade.cohort.folder import DATABASE, Folder
from labgrade.cohort.marking import marks
from labgrade.cohort.model import Attempt, Cohort, CohortResult, Mark, Row
from labgrade.cohort.preparing import Setting
from labgrade.cohort.records.store import Store
from labgrade.cohort.roster import cohortfile as roster
from labgrade.cohort.screen import Screen, screen
from labgrade.cohort.task import Crew, Task
from labgrade.commands.options import absolute, course_options, language, seconds, shown_path
from labgrade.course.library import Course
from labgrade.errors import UsageError
from labgrade.exports.cohort import COHORT_EXPORTS
from labgrade.grading import process
from labgrade.grading.outcomes import selected
from labgrade.model import Lab
from labgrade.terminal import look, shown
from labgrade.text import Language, Text, harmless
from labgrade.wording import number

MOST_JOBS = 48
MIB_A_JOB = 96
"""A waiting student needs less than half of it; one that is being graded, a little more."""

CLUSTERS_MIB, MOST_CLUSTERS = 4096, 4

EVERYBODY = Text("{} of {} are graded", "{} sur {} sont évalués")
OLDER = Text(
    "{} could not be graded this time and keep the grade of an earlier round",
    "{} n'ont pas pu être évalués cette fois et gardent la note d'un tour précédent",
)
SO_MANY_LEFT = Text(
    "{why} {left} were not graded; the same command with --resume grades these.",
    "{why} {left} n'ont pas été évalués\u00a0; la même commande avec --resume les évalue.",
)
NO_GRADE = Text("no grade: {}", "sans note\u00a0: {}")
SAME = {
    "cluster": Text("the same cluster, {}: {}", "le même cluster, {}\u00a0: {}"),
    "submission": Text("the same submission, {}: {}", "le même rendu, {}\u00a0: {}"),
}
CHANGED = Text("another rubric, {}: {} had {} and has {}", "autre barème, {}\u00a0: {} avait {} et a {}")


Pair = tuple[str, str]
"""A student's id and a lab's."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `labgrade grade`."""
    parser.add_argument("cohort", type=Path, metavar="COHORT.yaml", help="who is graded on which labs, and how")
    group = parser.add_argument_group("how")
    group.add_argument("--jobs", type=_count, metavar="N", help="students at once; default: what this machine bears")
    group.add_argument("--clusters", type=_count, metavar="N", help="practice clusters at once, for submissions")
    group.add_argument("--resume", action="store_true", help="only those who have no grade yet in the last round")
    group.add_argument("--only", action="append", default=[], metavar="CHECK", help="this check and its prerequisites")
    group.add_argument("--no-disturb", action="store_true", help="leave out what deletes or scales")
    group.add_argument("--timeout", type=seconds, metavar="SECONDS", help="patience with a cluster that still changes")
    group.add_argument("--out", type=absolute, metavar="DIR", help="default: reports/NAME for NAME.yaml")
    group.add_argument(
        "--format",
        action="append",
        default=[],
        choices=sorted({*exports.EXPORTS, *COHORT_EXPORTS}),
        help="more files for each student or for the cohort; repeatable",
    )
    group = parser.add_argument_group("on several machines")
    group.add_argument("--scheduler", metavar="ADDRESS", help="hand students to the workers of a Dask scheduler")
    for name in ("ca", "cert", "key"):
        group.add_argument(f"--tls-{name}", type=absolute, metavar="FILE", help="default: Dask's own configuration")
    course_options(parser)


def run(args: argparse.Namespace) -> int:
    """Grades a cohort; 0 where every student has a grade for every lab."""
    if sys.flags.optimize:
        raise UsageError("Python runs with -O or PYTHONOPTIMIZE, which takes out what judges: run it without")
    found = course.find(args.course)
    cohort = roster.read(args.cohort, labs=found.names())
    labs = [found.lab(name) for name in cohort.labs]
    for lab in labs:
        selected(lab, only=args.only)
    folder = Folder(_out(args), labs, formats=args.format, language=language(args))
    shows = screen(
        language(args),
        look(sys.stdout, no_color=args.no_color),
        quiet=args.quiet,
        student_seconds=cohort.limits.student,
    )
    with Store.opened(folder.path / DATABASE) as store:
        return _Run(args, found, cohort, labs, folder, store, shows).grade()


class _Run:
    """One call of the command, once everything that it works with is there."""

    def __init__(
        self,
        args: argparse.Namespace,
        found: Course,
        cohort: Cohort,
        labs: Sequence[Lab],
        folder: Folder,
        store: Store,
        shows: Screen,
    ) -> None:
        self._args, self._course, self._cohort, self._labs = args, found, cohort, labs
        self._folder, self._store, self._screen = folder, store, shows
        self._language: Language = language(args)
        self._digest = found.digest()
        self._attempts: dict[tuple[str, str], list[Attempt]] = {}
        for attempt in store.attempts():
            self._remember(attempt)

    def grade(self) -> int:
        """The exit code."""
        ids = [member.student.id for member in self._cohort.members]
        round_ = self._store.begin(self._cohort.labs, ids, self._digest, resume=self._args.resume)
        setting = Setting(self._digest, tuple(self._args.only), not self._args.no_disturb, self._args.timeout)
        batch = Batch(self._cohort, self._labs, setting, round_, self._keep, self._say)
        ending, ended = Ending(0), False
        with batch.interruptible():
            try:
                with self._screen:
                    total, done = len(ids) * len(self._labs), self._store.graded(round_)
                    self._screen.begin(total, len(done))
                    tasks = batch.prepare(done)
                    self._screen.begin(total, total - len(tasks))
                    if tasks:
                        with closing(self._crew(tasks)) as crew:
                            ending = batch.run(tasks, crew)
                    ended = not ending.left
            finally:
                # Whatever ended it: what is in the database is in the reports.
                self._mend()
                graded = self._graded(round_, finished=clock.now() if ended else None)
                files = self._folder.write_cohort(graded)
        lacking = {(name, lab.id) for name in ids for lab in self._labs} - self._store.graded(round_)
        self._summarise(graded, ending, files, lacking)
        return self._exit_code(graded, ending, lacking, round_)

    def _exit_code(self, graded: CohortResult, ending: Ending, lacking: Collection[Pair], round_: int) -> int:
        """0 all graded; 3 where somebody could not be looked at; 1 where only what was handed in is to blame."""
        if ending.why == process.INTERRUPTED:
            return INTERRUPTED
        if graded.complete and not lacking:
            return FINE
        latest = [self._attempts[pair][-1] if self._attempts.get(pair) else None for pair in lacking]
        ours = any(attempt is None or attempt.round != round_ or _is_ours(attempt) for attempt in latest)
        return HARNESS if ours else FINDINGS

    def _crew(self, tasks: Sequence[Task]) -> Crew:
        if self._args.scheduler:
            from labgrade.cohort.workers.crew import DaskCrew  # an optional part of the installation
            from labgrade.cohort.workers.scheduler import Certificates

            return DaskCrew(
                self._args.scheduler,
                course=self._course,
                told=self._screen.told,
                say=self._screen.say,
                certificates=Certificates(*self._tls()),
            )
        from labgrade.cohort.grader import Grader, LocalCrew

        clusters = self._args.clusters or _bearable_clusters()
        jobs = min(self._args.jobs or _bearable_jobs(), len(tasks))
        images = tuple(dict.fromkeys(image for lab in self._labs if not lab.cluster for image in lab.images))
        grader = Grader(self._course, clusters=clusters, images=images, told=self._screen.told, say=self._screen.say)
        return LocalCrew(grader, jobs=jobs, clusters=clusters)

    def _tls(self) -> list[Path | None]:
        given: list[str | None] = [self._args.tls_ca, self._args.tls_cert, self._args.tls_key]
        return [Path(name) if name else None for name in given]

    def _keep(self, attempt: Attempt, log: str) -> None:
        if not self._store.keep(attempt):
            return  # there is a complete one already, and nobody is graded twice
        self._remember(attempt)
        if self._counting(attempt.student, attempt.lab) is attempt:
            self._folder.write_student(attempt, log)
        self._screen.kept(attempt)

    def _say(self, words: Text) -> None:
        self._screen.say(words[self._language])

    def _counting(self, student: str, lab: str) -> Attempt | None:
        """The attempt that makes the grade."""
        found = self._attempts.get((student, lab))
        if not found:
            return None
        judged = marks.judged(self._cohort, found)[student, lab]
        counts = marks.counting(judged, self._cohort.counts, self._digest)
        return counts and counts.attempt

    def _mend(self) -> None:
        """Reports that are missing, or are of an attempt that does not count any more, are made from the database."""
        for member in self._cohort.members:
            for lab in self._labs:
                attempt = self._counting(member.student.id, lab.id)
                if attempt and not self._folder.holds(attempt):
                    self._folder.write_student(attempt)

    def _remember(self, attempt: Attempt) -> None:
        """As the database does: of an incomplete one and a later one of the same round, the later one stays."""
        known = self._attempts.setdefault((attempt.student, attempt.lab), [])
        known[:] = [each for each in known if each.round != attempt.round]
        known.append(attempt)

    def _graded(self, round_: int, *, finished: str | None) -> CohortResult:
        started = next(each.started for each in self._store.rounds() if each.number == round_)
        return marks.cohort_result(
            self._cohort,
            self._labs,
            [each for found in self._attempts.values() for each in found],
            course_digest=self._digest,
            tool_version=version("labgrade"),
            started=started,
            finished=finished,
        )

    def _summarise(
        self, graded: CohortResult, ending: Ending, files: Sequence[Path], lacking: Collection[Pair]
    ) -> None:
        out = look(sys.stdout)["encoding"]
        older = sum((row.student.id, mark.lab) in lacking for row, mark in _every(graded) if mark.grade is not None)
        for words in _sentences(graded, ending, self._language, older=older, quiet=self._args.quiet):
            print(shown(harmless(words), out))
        for name in self._args.format:
            if name in COHORT_EXPORTS and (missing := COHORT_EXPORTS[name].missing(graded)):
                print(f"labgrade: {missing}", file=sys.stderr)
        if not self._args.quiet:
            for path in files:
                print(f"  {shown_path(path)}")


def _is_ours(attempt: Attempt) -> bool:
    """Whether we are the reason why it is not complete; what an option left out is nobody's fault."""
    result = attempt.result
    return attempt.ours and (bool(result.note) or any(outcome.state == "error" for outcome in result.outcomes))


def _every(graded: CohortResult) -> list[tuple[Row, Mark]]:
    return [(row, mark) for row in graded.rows for mark in row.marks]


def _sentences(graded: CohortResult, ending: Ending, lang: Language, *, older: int, quiet: bool) -> list[str]:
    every = _every(graded)
    lacking = [(row, mark) for row, mark in every if mark.grade is None and mark.attempts]
    words = [EVERYBODY[lang].format(len([1 for _, mark in every if mark.grade is not None]), len(every))]
    if ending.why:
        words.append(SO_MANY_LEFT[lang].format(why=ending.why[lang], left=ending.left))
    if older:
        words.append(OLDER[lang].format(older))
    for row, mark in lacking:
        why = (mark.because[lang] or "?").splitlines()[0]
        words.append(f"  {row.student.id}  {mark.lab}  {NO_GRADE[lang].format(why)}")
    if quiet:
        return words
    words += [f"  {SAME[each.what][lang].format(each.lab, ', '.join(each.students))}" for each in graded.alike]
    for change in graded.changes:
        before, after = ("?" if grade is None else number(grade, lang) for grade in (change.before, change.after))
        words.append("  " + CHANGED[lang].format(change.lab, change.student, before, after))
    return words


def _out(args: argparse.Namespace) -> Path:
    return Path(args.out or Path("reports") / args.cohort.stem)


def _count(words: str) -> int:
    value = int(words)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{words} is not a number from 1 to 1000")
    return value


def _bearable_jobs() -> int:
    return max(2, min(MOST_JOBS, _free_mib() // MIB_A_JOB))


def _bearable_clusters() -> int:
    cores = os.cpu_count() or 1
    return max(1, min(MOST_CLUSTERS, cores // 2, _free_mib() // CLUSTERS_MIB))


def _free_mib() -> int:
    """Memory that programs may still have; a careful guess where the system does not say."""
    try:
        words = Path("/proc/meminfo").read_text()
        return int(next(line.split()[1] for line in words.splitlines() if line.startswith("MemAvailable:"))) // 1024
    except (OSError, StopIteration, ValueError):
        return 4096

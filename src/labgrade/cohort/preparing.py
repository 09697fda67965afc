"""From the roster to tasks: what can be told of a student before anything is graded is told at once."""

from __future__ import annotations

import re
import socket
import ssl
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from labgrade import kubeconfig
from labgrade.cluster import target
from labgrade.cohort.model import ByContext, ByKubeconfig, BySubmission, Cohort, Member
from labgrade.cohort.submissions import handed, screening
from labgrade.cohort.task import Task
from labgrade.errors import HarnessError, UsageError, unforeseen
from labgrade.grading import process
from labgrade.kubeconfig import Access
from labgrade.model import Lab, LabResult, Student
from labgrade.text import Text, harmless

KNOCK_SECONDS = 3.0
KNOCKS = 32
"""Loopback servers that are tried at once."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a student's lab is not graded."""

    member: Member
    lab: str
    error: UsageError | HarnessError


@dataclass(frozen=True, slots=True)
class Setting:
    """What is the same for every task of a batch."""

    course: str
    """The digest."""
    only: tuple[str, ...] = ()
    disturb: bool = True
    timeout: float | None = None


def prepared(
    cohort: Cohort, labs: Sequence[Lab], wanted: Iterable[tuple[Member, Lab]], setting: Setting
) -> tuple[list[Task], list[Refusal]]:
    """A task for each of the `wanted` that can be graded, and why the others cannot."""
    tasks: list[Task] = []
    refusals: list[Refusal] = []
    away = _Away(cohort)
    pairs = list(wanted)
    away.knock(member for member, _ in pairs)
    for member, lab in pairs:
        try:
            tasks.append(_task(cohort, member, lab, setting, away, several=len(labs) > 1))
        except (UsageError, HarnessError) as error:
            refusals.append(Refusal(member, lab.id, error))
        except Exception as error:  # whatever is wrong with one student's files must not become the others' affair
            refusals.append(Refusal(member, lab.id, unforeseen(error)))
    return _with_neighbours(tasks), refusals


def _task(cohort: Cohort, member: Member, lab: Lab, setting: Setting, away: _Away, *, several: bool) -> Task:
    task = Task(
        student=member.student,
        lab=lab.id,
        course=setting.course,
        limits=cohort.limits,
        only=setting.only,
        disturb=setting.disturb,
        timeout=setting.timeout,
    )
    if isinstance(member.source, BySubmission):
        submission = handed.read(member.source, lab, several=several)
        screening.screen(submission, lab)
        return replace(task, submission=submission)
    access = away.access(member)
    return replace(
        task,
        kubeconfig=_rebuilt(access),
        cluster=sha256(access.server.encode() + access.ca).hexdigest(),
        context=access.context,
        namespace=member.source.namespace,
    )


def _rebuilt(access: Access) -> bytes:
    with tempfile.TemporaryDirectory(prefix="labgrade-") as folder:
        return kubeconfig.write(access, Path(folder)).read_bytes()


def _with_neighbours(tasks: Sequence[Task]) -> list[Task]:
    """Where several students are on one cluster, the batch holds its Lease instead of each of them."""
    students = Counter(cluster for cluster, _ in {(task.cluster, task.student.id) for task in tasks if task.cluster})
    return [replace(task, shared=students[task.cluster] > 1) for task in tasks]


class _Away:
    """The clusters that members' kubeconfigs lead to, each read once, and those that are not where they seem."""

    def __init__(self, cohort: Cohort) -> None:
        self._cohort = cohort
        self._found: dict[str, Access | UsageError | HarnessError] = {}

    def access(self, member: Member) -> Access:
        """How to reach the member's cluster; UsageError where their file is refused or leads to another machine."""
        if member.student.id not in self._found:
            self._found[member.student.id] = self._read(member)
        found = self._found[member.student.id]
        if isinstance(found, Exception):
            raise found
        return found

    def knock(self, members: Iterable[Member]) -> None:
        """Tries every loopback address at once: one of a student's own machine is told before the batch begins."""
        theirs: list[tuple[Member, Access]] = []
        for member in {each.student.id: each for each in members}.values():
            if isinstance(member.source, ByKubeconfig):
                with suppress(UsageError, HarnessError):
                    theirs.append((member, self.access(member)))
        here = [(member, access) for member, access in theirs if kubeconfig.is_here(access)]
        with ThreadPoolExecutor(KNOCKS) as pool:
            errors = pool.map(_elsewhere, *zip(*here, strict=True)) if here else ()
            for (member, _), error in zip(here, errors, strict=True):
                if error:
                    self._found[member.student.id] = error

    def _read(self, member: Member) -> Access | UsageError | HarnessError:
        source = member.source
        try:
            if isinstance(source, ByKubeconfig):
                return kubeconfig.read(source.file, context=source.context, allowed_hosts=self._cohort.servers)
            assert isinstance(source, ByContext)
            return target.resolve(None, source.context)
        except (UsageError, HarnessError) as error:
            return error
        except Exception as error:  # likewise
            return unforeseen(error)


def _elsewhere(member: Member, access: Access) -> UsageError | None:
    """Why a loopback address does not mean this machine; None where it does, or may."""
    assert isinstance(member.source, ByKubeconfig)
    where = urlsplit(access.server)
    context = ssl.create_default_context(cadata=access.ca.decode())
    try:
        with (
            socket.create_connection((where.hostname or "", where.port or 443), KNOCK_SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=where.hostname),
        ):
            return None
    except ConnectionRefusedError:
        return _not_here(access, Text("nothing answers", "rien ne répond"))
    except ssl.SSLCertVerificationError:
        return _not_here(access, Text("another program answers", "un autre programme répond"))
    except OSError:
        return None  # slow or troubled, which grading finds out with more patience


def blank(student: Student, lab: Lab, course: str) -> LabResult:
    """The result of a lab that could not even be begun; a note is to say why."""
    sheet = process.blank(lab, course, student=student)
    return replace(sheet, finished=sheet.started)


def _not_here(access: Access, who: Text) -> UsageError:
    return UsageError(
        Text(
            f"the server {access.server} is a loopback address where {who.en}: it means the student's own machine, and "
            "the grader is another one. Have the work handed in as a submission, or an address that is reachable from "
            "here, with its host under `servers:`",
            f"le serveur {access.server} est une adresse locale où {who.fr}\u00a0: elle désigne la machine de "
            "l'étudiant, et celle qui évalue en est une autre. Faites remettre le travail, ou donnez une adresse "
            "joignable d'ici, avec son hôte sous `servers:`",
        )
    )


def note(error: UsageError | HarnessError, member: Member | None = None) -> Text:
    """Why somebody has no grade, in one line, without folders that are not the student's affair."""
    folders = [rf"{re.escape(tempfile.gettempdir())}/labgrade-\w+/"]
    if member and not isinstance(member.source, ByContext):
        path = member.source.path if isinstance(member.source, BySubmission) else member.source.file
        folders.append(rf"{re.escape(str(path.parent))}/")
    return Text(*(_one_line(re.sub("|".join(folders), "", harmless(each))) for each in (error.why.en, error.why.fr)))


def _one_line(words: str) -> str:
    """A refusal's reason and remedy stand in lines of their own."""
    lines = [re.sub(r"^\s*(why|try)\s+", "", line).strip() for line in words.splitlines()]
    return ". ".join(line.rstrip(".") for line in lines if line)


def chains(tasks: Iterable[Task], labs: Sequence[Lab]) -> list[list[Task]]:
    """Tasks that must follow one another: those in one namespace, or on a cluster whose Lease each of them takes."""
    spaces = {lab.id: lab.namespace for lab in labs}
    found: dict[tuple[str, ...], list[Task]] = {}
    for task in tasks:
        key = (task.cluster, task.namespace or spaces[task.lab]) if task.shared else (task.cluster or task.name,)
        found.setdefault(key, []).append(task)
    return list(found.values())

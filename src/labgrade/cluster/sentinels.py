"""What is written into a Pod's storage to learn whether it outlives the Pod: fresh, random, and removed afterwards."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from labgrade.cluster.disturb import Disturb
from labgrade.cluster.ended import in_container
from labgrade.cluster.remote import Completed
from labgrade.errors import Unmet
from labgrade.facts import Deployment, Pod, StatefulSet
from labgrade.facts.base import moment
from labgrade.patience import until
from labgrade.text import Text

Subject = Deployment | StatefulSet | Pod
"""Whose storage it is: a workload's, or that of one Pod of a StatefulSet."""

AWAKE_SECONDS = 60.0
"""A database gets so long to let its client in: it counts as ready before that where it has no readiness probe."""

DENIED_SECONDS = 15.0
"""One that is being made knows its users only in the end: after so long, who is turned away is unknown for good."""

ASK_AGAIN_SECONDS = 2.0

NOT_AWAKE = re.compile(r"ERROR (2002|2003|2006|2013|1927|1053)\b")
"""The client's words for a server that is not there yet, or on its way out."""

DENIED = re.compile(r"ERROR (1045|1044|1698|1049)\b")
"""Its words for a user, password or database that the server does not know."""

ENDED = re.compile("container not found|not running|stopped|unable to upgrade connection")
"""How the kubelet says that there is no container to run a command in."""

FILE = '{ [ -d "$1" ] || mkdir "$1"; } && cd "$1" && pwd -P && printf %s "$3" | cat > "$2"'
"""A full volume is told by cat, which every shell's own printf passes over in silence."""
NO_FILE = 'rm -f "$1/$2"; [ "$3" = kept ] || rmdir "$1" 2> /dev/null; true'

ROW = """
client=$(command -v mariadb || command -v mysql) || { echo 'neither mariadb nor mysql is in the image' >&2; exit 9; }
value() {
  for name in "MARIADB_$1" "MYSQL_$1"; do
    eval "found=\\${$name:-} file=\\${${name}_FILE:-}"
    if [ -n "$found" ]; then printf %s "$found"; return; fi
    if [ -n "$file" ]; then cat "$file"; return; fi
  done
}
run() { MYSQL_PWD=$1; export MYSQL_PWD; shift; "$client" --batch --skip-column-names "$@"; }
user=$(value USER) database=$(value DATABASE) table=$1
case $2 in
write) sql="CREATE TABLE IF NOT EXISTS $table (token CHAR(32) PRIMARY KEY);
  REPLACE INTO $table VALUES ('$3'); SELECT @@datadir;" ;;
read) sql="SELECT token FROM $table;" ;;
remove) sql="DROP TABLE IF EXISTS $table;" ;;
esac
if [ -n "$user" ] && [ -n "$database" ] && [ -n "$(value PASSWORD)" ]; then
  run "$(value PASSWORD)" --user="$user" --database="$database" --execute="$sql"; exit
fi
case $2 in
write) sql="CREATE DATABASE IF NOT EXISTS $table; USE $table; $sql" ;;
read) sql="USE $table; $sql" ;;
remove) sql="DROP DATABASE IF EXISTS $table;" ;;
esac
run "$(value ROOT_PASSWORD)" --user=root --execute="$sql"
"""
"""One row, as the application's own user in its database where the Pod names both, else as root in one of ours."""


@dataclass(frozen=True, slots=True)
class Written:
    """A sentinel that lies in a Pod's storage."""

    sentinel: Sentinel
    pod: Pod
    uid: str
    node: str
    container: str
    directory: str
    """Where its bytes are in the container, with links followed."""
    token: str

    def __str__(self) -> str:
        """For evidence: what, where, and in which Pod."""
        return f"{self.sentinel.what.en} under {self.directory} of {self.pod}, UID {self.uid}"

    @property
    def heirs(self) -> list[Pod]:
        """The Pods that should have it: those of its workload, or the one of its name."""
        whose = self.sentinel.subject
        return whose.pods if isinstance(whose, Deployment) else [self.pod]


class Sentinel(Protocol):
    """Something to be written into storage and read again."""

    @property
    def subject(self) -> Subject:
        """Whose storage."""
        ...

    @property
    def what(self) -> Text:
        """What it is, in a word or two."""
        ...

    def put(self, disturb: Disturb, pod: Pod) -> Written:
        """Writes it by way of a Pod; Unmet where it cannot be written there."""
        ...

    def found(self, disturb: Disturb, pod: Pod, written: Written) -> bool:
        """Whether it can be read back by way of a Pod, whole."""
        ...


@dataclass(frozen=True, slots=True)
class FileIn:
    """A file in a directory of a container, written by the container's own shell."""

    subject: Subject
    directory: str
    container: str | None
    name: str
    what: Text

    def put(self, disturb: Disturb, pod: Pod) -> Written:
        """Writes it; a directory that is missing is made, and removed with it."""
        container, token = self.container or container_at(pod, self.directory), secrets.token_hex(16)
        there = not _run(disturb, pod, container, ["test", "-d", self.directory]).code
        names = [self.directory, self.name]
        undo = ["sh", "-c", NO_FILE, "sh", *names, "kept" if there else "ours"]
        done = _run(disturb, pod, container, ["sh", "-c", FILE, "sh", *names, token], undo)
        if done.code:
            said = _last(done.stderr) or f"exit code {done.code}"
            raise Unmet(
                Text(
                    en=f"{pod} cannot write a file in {self.directory}: {said}",
                    fr=f"{pod} ne peut pas écrire de fichier dans {self.directory} : {said}",
                ),
                wanted=Text(en="a place that can be written to", fr="un endroit où l'on peut écrire"),
                try_=f"kubectl exec {pod.name} -n {pod.namespace} -c {container} -- touch {self.directory}/try",
            )
        return Written(self, pod, pod.uid, pod.node, container, done.stdout.strip(), token)

    def found(self, disturb: Disturb, pod: Pod, written: Written) -> bool:
        """Whether the file is there with what was written."""
        path = f"{self.directory}/{self.name}"
        done = _run(disturb, pod, written.container, ["sh", "-c", 'test ! -e "$0" || cat "$0"', path])
        return done.stdout == written.token


@dataclass(frozen=True, slots=True)
class RowIn:
    """A row of a table of ours, written by the database's own client with the credentials in the Pod's environment."""

    subject: Subject
    container: str | None
    table: str
    what: Text

    def put(self, disturb: Disturb, pod: Pod) -> Written:
        """Writes it once the database lets its client in."""
        container, token = self.container or _client_in(pod), secrets.token_hex(16)
        undo = ["sh", "-c", ROW, "sh", self.table, "remove"]
        done = _asked(disturb, pod, container, ["sh", "-c", ROW, "sh", self.table, "write", token], undo)
        if done.code:
            raise _no_row(pod, container, done)
        return Written(self, pod, pod.uid, pod.node, container, done.stdout.strip().rstrip("/"), token)

    def found(self, disturb: Disturb, pod: Pod, written: Written) -> bool:
        """Whether the row is there; Unmet where the database no longer lets its client in."""
        done = _asked(disturb, pod, written.container, ["sh", "-c", ROW, "sh", self.table, "read"])
        if done.code and (DENIED.search(done.stderr) or NOT_AWAKE.search(done.stderr)):
            raise _no_row(pod, written.container, done)
        return done.stdout.strip() == written.token


def file_in(subject: Subject, directory: str, *, container: str | None = None) -> FileIn:
    """A file to be written into an absolute directory, of the container that mounts something there unless named."""
    name = f"labgrade-{secrets.token_hex(4)}.txt"
    return FileIn(subject, directory.rstrip("/"), container, name, Text(en=f"the file {name}", fr=f"le fichier {name}"))


def row_in(subject: Subject, *, container: str | None = None) -> RowIn:
    """A row to be written into a MariaDB or MySQL, by the container that has its password unless named."""
    table = f"labgrade_{secrets.token_hex(4)}"
    return RowIn(subject, container, table, Text(en="a row of the database", fr="une ligne de la base de données"))


def container_at(pod: Pod, directory: str) -> str:
    """The container that mounts something nearest to this directory, else the first one."""
    reach = {
        name: max((len(at) for at in _mounted(container) if covers(at, directory)), default=0)
        for name, container in pod.containers.items()
    }
    return max(reach, key=lambda name: reach[name], default="")


def covers(mount: str, path: str) -> bool:
    """Whether what is mounted at one path holds another."""
    return path == mount or path.startswith(f"{mount.rstrip('/')}/")


def _mounted(container: dict[str, list[dict[str, str]]]) -> list[str]:
    return [mount["mountPath"].rstrip("/") or "/" for mount in container.get("volumeMounts") or []]


def _client_in(pod: Pod) -> str:
    """The container of a database: the one whose environment or image says so, else the first one."""
    for name, container in pod.containers.items():
        variables = [str(each.get("name", "")) for each in container.get("env") or []]
        if any(each.startswith(("MARIADB_", "MYSQL_")) for each in variables):
            return name
    named = (name for name, image in pod.images.items() if re.search("maria|mysql", image))
    return next(named, next(iter(pod.containers), ""))


def _asked(disturb: Disturb, pod: Pod, container: str, command: Sequence[str], undo: Sequence[str] = ()) -> Completed:
    """What the database's client says, once the server is awake and has had time to know its users."""
    noted: list[bool] = []

    def tried() -> Completed | None:
        nonlocal last
        last = _run(disturb, pod, container, command, () if noted else undo)
        noted.append(True)
        return None if last.code and NOT_AWAKE.search(last.stderr) else last

    def welcome() -> Completed | None:
        done = tried()
        return None if done is None or (done.code and DENIED.search(done.stderr)) else done

    last = Completed(1, "", "")
    done = until(tried, seconds=_left(disturb, pod, container, AWAKE_SECONDS), every=0.5)
    if done and done.code and DENIED.search(done.stderr):
        return until(welcome, seconds=_left(disturb, pod, container, DENIED_SECONDS), every=1.0) or last
    return done or last


def _left(disturb: Disturb, pod: Pod, container: str, seconds: float) -> float:
    """What is left of so many seconds since a container started; always long enough to ask twice."""
    status = next((each for each in pod.container_statuses if each["name"] == container), {})
    started = moment(((status.get("state") or {}).get("running") or {}).get("startedAt"))
    return max(ASK_AGAIN_SECONDS, seconds - (disturb.now() - started).total_seconds()) if started else seconds


def _run(disturb: Disturb, pod: Pod, container: str, command: Sequence[str], undo: Sequence[str] = ()) -> Completed:
    """A command in a container; Unmet where the container does not run, which is no fault of ours."""
    return in_container(pod, container, lambda: disturb.exec(pod, container, command, undo=undo), ended=ENDED)


def _no_row(pod: Pod, container: str, done: Completed) -> Unmet:
    said = _last(done.stderr)
    if DENIED.search(said):
        saw = Text(
            en=f"the database in {pod} refuses the credentials of its own environment: {said}",
            fr=f"la base de données de {pod} refuse les identifiants de son propre environnement : {said}",
        )
        wanted = Text(
            en="the password that the database was made with: a new one counts on an empty volume only",
            fr="le mot de passe avec lequel la base a été créée : un nouveau ne vaut que sur un volume vide",
        )
    else:
        saw = Text(
            en=f"the database in {pod} takes no row: {said}", fr=f"la base de données de {pod} n'accepte rien : {said}"
        )
        wanted = Text(en="a database that can be written to", fr="une base de données où l'on peut écrire")
    return Unmet(saw, wanted=wanted, try_=f"kubectl logs {pod.name} -n {pod.namespace} -c {container}")


def _last(said: str) -> str:
    """The last line of what was said, without the name of the program or the shell in front."""
    lines = said.strip().splitlines()
    return re.sub(r"^(sh|/bin/sh): (line \d+|\d+): ", "", lines[-1])[:300] if lines else ""

"""What is kept is on disk, once, whatever happens next; and what cannot be used is told in one sentence."""

from __future__ import annotations

import dataclasses
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labgrade.cohort.model import Attempt
from labgrade.cohort.records.store import FILE_NAME, Store
from labgrade.cohort.records.storetrouble import told
from labgrade.errors import HarnessError, UsageError
from labgrade.text import Text, text
from tests.support.attempts import attempt, result
from tests.support.results import RESULTS

SOURCE = Path(sys.modules["labgrade.cohort.records.store"].__file__ or "").parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database may be made, in a folder that is not there yet."""
    return tmp_path / "new" / "out" / FILE_NAME


def begin(store: Store, course: str = "new", *, resume: bool = False) -> int:
    """A round of the usual kind."""
    return store.begin(["x"], ["ada", "bob"], course, resume=resume)


def kept(path: Path) -> list[Attempt]:
    """What a later call of the command finds."""
    with Store.opened(path) as store:
        return store.attempts()


def filled(path: Path, count: int = 3) -> list[Attempt]:
    """A database with so many students in one round."""
    made = [attempt(f"s{number}", "PPPF") for number in range(count)]
    with Store.opened(path) as store:
        begin(store)
        for one in made:
            assert store.keep(one)
    return made


def fill(store: Store) -> None:
    """Keeps more than there will be room for."""
    for number in range(1000):
        store.keep(attempt(f"t{number}", submission="x" * 4000))


@contextmanager
def raw(path: Path) -> Generator[sqlite3.Connection]:
    """The database as any other program sees it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


# What is kept


def test_nothing_is_lost_on_disk(path: Path) -> None:
    """Every attempt comes back as it was, in the order in which it came."""
    attempts = [
        attempt("zoé@x", "PHBS", submission="sha256:a", submitted="2026-01-31T09:00:00Z", seconds=1.25),
        attempt("ada", "PE", ours=False, notes=(Text("a\x1b[31m", "b\u202e"), text("c"))),
        *(Attempt("bob", name, 1, dataclasses.replace(one, lab_id=name), 2.0) for name, one in RESULTS.items()),
    ]
    with Store.opened(path) as store:
        assert begin(store) == 1
        assert all(store.keep(one) for one in attempts)
        assert store.attempts() == attempts
    assert kept(path) == attempts
    assert [file.name for file in path.parent.iterdir()] == [FILE_NAME]


@settings(max_examples=50, deadline=None)
@given(
    note=st.text(), digest=st.text("0123456789abcdef:"), seconds=st.floats(0, 1e9), states=st.text("PFE", max_size=4)
)
def test_whatever_an_attempt_says_comes_back(note: str, digest: str, seconds: float, states: str) -> None:
    """Half a surrogate pair aside, which no file can hold and result.json spells out."""
    one = attempt("ada", states, note=text(note), notes=(text(note),), submission=digest, seconds=seconds)
    with tempfile.TemporaryDirectory() as folder, Store.opened(Path(folder) / FILE_NAME) as store:
        begin(store)
        store.keep(one)
        assert store.attempts() == [one]


def test_a_complete_attempt_is_kept_once_in_its_round(path: Path) -> None:
    """Two workers that graded the same student after a lost connection make one attempt."""
    first, second = attempt("ada", "PPFF"), attempt("ada", "PPPP")
    with Store.opened(path) as store:
        begin(store)
        assert store.keep(first)
        assert not store.keep(first)
        assert not store.keep(second)
        assert not store.keep(attempt("ada", "PPE"))
        assert store.attempts() == [first]
        begin(store)
        assert store.keep(dataclasses.replace(second, round=2))
        assert [one.round for one in store.attempts()] == [1, 2]


def test_an_incomplete_attempt_makes_room_for_a_later_one(path: Path) -> None:
    """Of the same round, student and lab only."""
    others = [attempt("bob", "PP"), attempt("ada", "P", lab="y")]
    with Store.opened(path) as store:
        begin(store)
        for one in (attempt("ada", ""), *others, attempt("ada", "PPPE")):
            assert store.keep(one)
        assert store.attempts() == [*others, attempt("ada", "PPPE")]
        assert store.keep(attempt("ada", "PPPP"))
        assert store.attempts() == [*others, attempt("ada", "PPPP")]


def test_what_is_graded_is_what_is_complete_in_that_round(path: Path) -> None:
    """A resumed run grades the rest."""
    with Store.opened(path) as store:
        begin(store)
        for one in (attempt("ada"), attempt("bob", "PPPE"), attempt("bob", "SSSS", lab="y")):
            store.keep(one)
        assert store.graded(1) == {("ada", "x"), ("bob", "y")}
        assert begin(store) == 2
        assert store.graded(2) == set()


def test_several_threads_may_keep(path: Path) -> None:
    """Results come back where they come back."""
    with Store.opened(path) as store, ThreadPoolExecutor(4) as pool:
        begin(store)
        assert all(pool.map(store.keep, [attempt(f"s{number}") for number in range(40)]))
        assert len(store.graded(1)) == 40


def test_an_attempt_of_no_round_is_refused(path: Path) -> None:
    """It could never be told which course state it was for."""
    with Store.opened(path) as store:
        with pytest.raises(HarnessError, match="FOREIGN KEY"):
            store.keep(attempt(round_=7))
        assert store.attempts() == []


# Rounds


def test_rounds_are_counted_and_the_last_one_is_resumed(path: Path) -> None:
    """Where there is none to resume, one begins; who joined the roster meanwhile is written down."""
    with Store.opened(path) as store:
        assert begin(store, resume=True) == 1
        assert begin(store) == 2
        first = store.rounds()
        assert store.begin(["x", "y"], ["ada", "bob", "eve"], "new", resume=True) == 2
        assert store.rounds() == [
            first[0],
            dataclasses.replace(first[1], labs=("x", "y"), students=("ada", "bob", "eve")),
        ]
    with Store.opened(path) as store:
        assert begin(store, resume=True) == 2
        assert [one.number for one in store.rounds()] == [1, 2]
        assert first[0].course_digest == "new"
        assert first[0].started.endswith("Z")


def test_a_round_is_not_resumed_with_another_rubric(path: Path) -> None:
    """Half a cohort judged by the one and half by the other would be nobody's grade; a new round may begin."""
    with Store.opened(path) as store:
        begin(store, "sha256:" + "a" * 64)
        with pytest.raises(UsageError) as caught:
            begin(store, "sha256:" + "b" * 64, resume=True)
        assert "round 1 was judged by another state of the course (sha256:aaaaaaaa; it is sha256:bbbbbbbb now)" in str(
            caught.value
        )
        assert "run without --resume" in str(caught.value)
        assert begin(store, "sha256:" + "b" * 64) == 2


# Whatever happens


def child(path: Path, script: str) -> subprocess.Popen[str]:
    """A process of its own that keeps attempts."""
    words = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from labgrade.cohort.records.store import Store
        from tests.support.attempts import attempt
        path = Path(sys.argv[1])
    """) + textwrap.dedent(script)
    paths = os.pathsep.join([str(SOURCE), str(Path(__file__).parents[3])])
    return subprocess.Popen(
        [sys.executable, "-c", words, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )


KEEPING = """
    from itertools import count
    with Store.opened(path) as store:
        round_ = store.begin(["x"], [], "new", resume=True)
        for number in count(len(store.attempts())):
            note = "x" * (number % 7 * 5000)
            store.keep(attempt(f"s{number}", "PPPF", submission=note))
            print(number, flush=True)
"""


def test_kill_9_at_any_instant_loses_nothing_that_was_kept(path: Path) -> None:
    """Nor does it leave anything that keeps the next one out."""
    told_of = -1
    for lines in (1, 2, 3, 5, 8, 13):
        keeping = child(path, KEEPING)
        assert keeping.stdout is not None
        for _ in range(lines):
            told_of = int(keeping.stdout.readline())
        keeping.kill()
        rest = keeping.communicate()[0].split()
        told_of = int(rest[-1]) if rest else told_of
        found = [one.student for one in kept(path)]
        # The one under way may be there, too: it was kept, and its process had no time to say so.
        assert found in ([f"s{n}" for n in range(told_of + 1)], [f"s{n}" for n in range(told_of + 2)])


def test_a_second_process_is_kept_out_while_the_first_lives(path: Path) -> None:
    """However the first one ends, the next one gets in."""
    holding = child(path, "with Store.opened(path) as store:\n    print('there', flush=True)\n    sys.stdin.read()")
    assert holding.stdout is not None
    assert holding.stdout.readline() == "there\n"
    with pytest.raises(UsageError, match=r"grades\.db is in use, by another grading"), Store.opened(path):
        pass
    holding.kill()
    holding.wait()
    assert kept(path) == []


def test_the_same_process_does_not_open_it_twice(path: Path) -> None:
    """The first one's hold survives the attempt."""
    with Store.opened(path) as store:
        with pytest.raises(UsageError, match="is in use"), Store.opened(path):
            pass
        begin(store)
        store.keep(attempt())
        other = child(path, "with Store.opened(path): print('in')")
        assert (other.communicate()[0], other.returncode) == ("", 1)


def test_every_commit_is_synchronous(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut, what was kept is there: no write-ahead log, no lazy writing."""
    made: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def spying(*args: object, **options: object) -> sqlite3.Connection:
        made.append(connect(*args, **options))  # pyright: ignore[reportArgumentType, reportCallIssue] (passed through)
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", spying)
    with Store.opened(path) as store:
        begin(store)
        assert made[0].execute("PRAGMA synchronous").fetchone() == (2,)
        assert made[0].execute("PRAGMA journal_mode").fetchone() == ("delete",)
        # SQLite's own way to say that the disk is full: the database may not grow.
        pages = made[0].execute("PRAGMA page_count").fetchone()[0]
        made[0].execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(HarnessError, match=r"grades\.db cannot be written: the disk is full"):
            fill(store)
        count = len(store.attempts())
        assert [one.student for one in store.attempts()] == [f"t{number}" for number in range(count)]
        assert count > 0
        made[0].execute("PRAGMA max_page_count = 100000")
        assert store.keep(attempt("later"))
    assert len(kept(path)) == count + 1


def test_a_file_that_may_not_grow_keeps_what_it_has(path: Path) -> None:
    """A quota is met in the midst of a transaction."""
    filled(path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with Store.opened(path) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, before[1]))
            with pytest.raises(HarnessError, match=r"grades\.db cannot be (read or )?written"):
                fill(store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    found = [one.student for one in kept(path)]
    assert found == ["s0", "s1", "s2", *(f"t{number}" for number in range(len(found) - 3))]


UNSHARE = ["unshare", "--mount", "--map-root-user", "sh", "-c"]


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run([*UNSHARE, "mount -t tmpfs none /mnt"], check=False).returncode != 0,
    reason="mounting a small disk is not allowed here",
)
def test_a_full_disk_keeps_what_was_kept(path: Path, tmp_path: Path) -> None:
    """It is told, and the rest can be read by the next one."""
    path.parent.mkdir(parents=True)
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
            import sys
            from pathlib import Path
            from labgrade.cohort.records.store import Store
            from labgrade.errors import HarnessError
            from tests.support.attempts import attempt
            path = Path(sys.argv[1])
            count = 0
            try:
                with Store.opened(path) as store:
                    store.begin(["x"], [], "new", resume=False)
                    for count in range(1000):
                        store.keep(attempt(f"s{count}", submission="x" * 3000))
            except HarnessError as error:
                print(error)
            with Store.opened(path) as store:
                print(count == len(store.attempts()) > 0)
        """)
    )
    paths = os.pathsep.join([str(SOURCE), str(Path(__file__).parents[3])])
    mounted = 'mount -t tmpfs -o size=100k none "$1" && shift && "$@"'
    done = subprocess.run(
        [*UNSHARE, mounted, "sh", str(path.parent), sys.executable, str(script), str(path)],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{path} cannot be written: the disk is full; what was kept before is safe\nTrue\n", done


# What cannot be used


def _text(path: Path) -> None:
    path.write_text("student,grade\n" * 500)


def _sqlite(script: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        filled(path)
        with raw(path) as connection:
            connection.executescript(script)

    return make


def _foreign(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("CREATE TABLE cookies (name)")


def _spoilt(place: int, words: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        filled(path, 40)
        with path.open("r+b") as file:
            file.seek(place)
            file.write(words)

    return make


def _cut(path: Path) -> None:
    filled(path, 40)
    os.truncate(path, path.stat().st_size // 2)


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (lambda path: path.mkdir(), "is no file, so it can be no database"),
    "pipe": (os.mkfifo, "is no file, so it can be no database"),
    "text": (_text, "is no database"),
    "bytes": (lambda path: path.write_bytes(os.urandom(8192)), "is no database"),
    "foreign": (_foreign, "is another program's database"),
    "other": (_sqlite("PRAGMA application_id = 7"), "is another program's database"),
    "newer": (
        _sqlite("PRAGMA user_version = 2"),
        r"was written by a newer labgrade \(its form is 2, this one knows 1\)",
    ),
    "cut": (_cut, "is damaged"),
    "spoilt": (_spoilt(4096, b"\xff" * 20_000), "is damaged"),
    "tables": (_sqlite("DROP TABLE attempts"), "is damaged"),
}


@pytest.mark.parametrize(("make", "complaint"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_is_no_database_of_ours_is_refused_and_left_alone(
    make: Callable[[Path], object], complaint: str, tmp_path: Path
) -> None:
    """One sentence that names the file; nothing in it is changed."""
    path = tmp_path / FILE_NAME
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(UsageError, match=complaint) as caught, Store.opened(path) as store:
        store.attempts()
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


@pytest.mark.parametrize(
    "script",
    [
        "UPDATE attempts SET result = x'00'",
        "UPDATE attempts SET notes = '{'",
        "UPDATE attempts SET notes = '[{}]'",
        "UPDATE rounds SET labs = '7'",
        "UPDATE attempts SET result = x'789c4bccc94803000625023e'",
    ],
)
def test_a_damaged_row_is_told(script: str, path: Path) -> None:
    """Somebody repaired a grade with another program."""
    _sqlite(script)(path)
    with Store.opened(path) as store, pytest.raises(UsageError, match=r"grades\.db is damaged \("):
        _ = store.rounds(), store.attempts()


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    """Nothing is lost with it."""
    path.parent.mkdir(parents=True)
    path.touch()
    filled(path)
    assert len(kept(path)) == 3


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file is in the way."""
    (tmp_path / "out").touch()
    with pytest.raises(UsageError, match=r"out cannot be made"), Store.opened(tmp_path / "out" / FILE_NAME):
        pass


@contextmanager
def as_anybody() -> Generator[None]:
    """Root may write everywhere: nobody may not."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o555, None), (0o555, 0o666), (0o777, 0o444), (0, None)])
def test_where_nothing_may_be_written_it_is_told_at_once(folder_mode: int, file_mode: int | None) -> None:
    """And not after the first student."""
    folder = Path(tempfile.mkdtemp())  # tmp_path lies in a folder that nobody else may enter
    try:
        path = folder / FILE_NAME
        if file_mode is not None:
            filled(path)
            path.chmod(file_mode)
        folder.chmod(folder_mode)
        with (
            as_anybody(),
            pytest.raises(UsageError, match=r"grades\.db cannot be (opened|written)"),
            Store.opened(path),
        ):
            pass
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("code", "name", "kind", "complaint"),
    [
        (sqlite3.SQLITE_FULL, "SQLITE_FULL", HarnessError, "cannot be written: the disk is full"),
        (sqlite3.SQLITE_IOERR | 3 << 8, "SQLITE_IOERR_WRITE", HarnessError, "the disk is full or failing"),
        (sqlite3.SQLITE_IOERR | 15 << 8, "SQLITE_IOERR_LOCK", UsageError, "choose a folder on a disk of this machine"),
        (sqlite3.SQLITE_PROTOCOL, "SQLITE_PROTOCOL", UsageError, "cannot be locked"),
        (sqlite3.SQLITE_BUSY, "SQLITE_BUSY", UsageError, "is in use"),
        (sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT", UsageError, "is damaged"),
        (sqlite3.SQLITE_NOMEM, "SQLITE_NOMEM", HarnessError, "the database failed: it did SQLITE_NOMEM"),
    ],
)
def test_every_trouble_is_a_sentence_and_somebodys(code: int, name: str, kind: type[Exception], complaint: str) -> None:
    """What another folder mends is the trainer's; the rest is ours."""
    error = sqlite3.OperationalError("it did")
    error.sqlite_errorcode, error.sqlite_errorname = code, name
    with pytest.raises(kind, match=complaint) as caught, told(Path("grades.db")):
        raise error
    assert str(caught.value).startswith("grades.db")


def test_trainers_may_ask_the_database_themselves(path: Path) -> None:
    """Grades stand in columns; one that is not complete has none."""
    with Store.opened(path) as store:
        begin(store)
        store.keep(attempt("ada", "PPPF"))
        store.keep(attempt("bob", "PPPE"))
    with raw(path) as connection:
        rows = connection.execute("SELECT student, grade, earned FROM attempts ORDER BY student").fetchall()
        assert connection.execute("PRAGMA user_version").fetchone() == (1,), "later versions must know it"
    assert rows == [("ada", 15.0, 15.0), ("bob", None, 15.0)]
    assert result("PPPE").grade == 15.0

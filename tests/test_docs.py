"""The pages hold: what they name exists, what exists they name, and what they quote is what stands there.

Run as a program (`python -m tests.test_docs`), this prints the README's picture of the terminal.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.services import assert_served
from images import contract, places
from labgrade import cli, wording
from labgrade.commands.check import DISTURBS
from labgrade.course.library import Course
from labgrade.course.rubric import CHECK_KEYS, LAB_KEYS, MISTAKE_KEYS, read_mistake
from labgrade.errors import Unmet
from labgrade.exports import EXPORTS
from labgrade.facts import Deployment
from labgrade.home import home
from labgrade.model import STATES, ClusterInfo, Lab, LabResult, Outcome
from labgrade.providers import PROVIDERS
from labgrade.terminal import MARKS, line, summary
from labgrade.text import Text
from tests.checks.states import NAMESPACE, World, deployment, endpoints, pod, prober, service

HOME = home()
COURSE = Course(HOME)
README, AUTHOR, EXTENDER = HOME / "README.md", HOME / "docs" / "author.md", HOME / "docs" / "extender.md"
PAGES = [README, HOME / "CONTRIBUTING.md", HOME / "CHANGELOG.md", *sorted((HOME / "docs").glob("*.md"))]
HANDOUTS = sorted((HOME / "labs").glob("*/README*.md"))
EVERY_PAGE = sorted(
    path
    for path in HOME.rglob("*.md")
    if not any(part.startswith(".") or part == "node_modules" for part in path.relative_to(HOME).parts)
)

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUOTE = re.compile(r"^From \[`[^`]+`\]\(([^)]+)\)[^\n]*:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(?:- )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?labgrade ([a-z]\w*)(.*)")
VARIABLE = re.compile(r"\bLABGRADE_[A-Z_]+")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
ROOMS = ("labs/", "checks/", "fixtures/", "src/", "reports/", "images/", "tests/", "docs/")
PLACEHOLDER = re.compile(r"[<*…]|LAB|NAME")


def named(pages: list[Path]) -> list[object]:
    """The pages as parameters with readable ids."""
    return [pytest.param(page, id=str(page.relative_to(HOME))) for page in pages]


def text(path: Path) -> str:
    """A page."""
    return path.read_text(encoding="utf-8")


def section(page: Path, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or a higher one."""
    start = re.search(rf"^(#+) {re.escape(heading)}\n", text(page), re.MULTILINE)
    assert start, f"{page.name} has no heading {heading!r}"
    rest = text(page)[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(words: str) -> list[list[str]]:
    """The cells of a table's rows, less the rule below its head."""
    lines = [found for found in words.splitlines() if found.startswith("|") and not re.fullmatch(r"[|\s:-]+", found)]
    return [[cell.strip() for cell in found.strip("|").split("|")] for found in lines]


def keys(words: str) -> list[str]:
    """The first column of a table, less its head, without backticks."""
    return [row[0].strip("`") for row in rows(words)[1:]]


def anchors(page: Path) -> set[str]:
    """What a link into the page can name."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def typed(page: Path) -> Iterator[str]:
    """All that a page shows as typed or as code, a line at a time."""
    words = text(page)
    for found in FENCE.finditer(words):
        yield from found[2].splitlines()
    words = FENCE.sub("", words)
    yield from (found[4:] for found in words.splitlines() if found.startswith("    "))
    yield from CODE.findall(words)


def helps(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What `labgrade COMMAND --help` prints."""
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    return capsys.readouterr().out


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_is_shown_to_its_users(command: str) -> None:
    """A command that no page shows is found by nobody."""
    assert any(f"labgrade {command}" in words for page in PAGES for words in typed(page))


@pytest.mark.parametrize("page", named([*PAGES, *HANDOUTS]))
def test_what_pages_have_people_type_is_understood(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command that a page shows exists, and takes the options shown with it."""
    known = {command: set(OPTION.findall(helps(command, capsys))) for command in cli.COMMANDS}
    for words in typed(page):
        shown = words.partition(" #")[0]
        if found := COMMAND.match(shown):
            assert found[1] in known, f"there is no command {found[1]!r}: {words}"
            assert set(OPTION.findall(found[2])) <= known[found[1]], words
        elif shown.startswith("--"):
            assert set(OPTION.findall(shown)) <= set[str]().union(*known.values()), words


def test_every_variable_is_shown_to_its_users() -> None:
    """What the environment can set is in the pages, and what the pages set is read."""
    engine = {name for path in (HOME / "src").rglob("*.py") for name in VARIABLE.findall(text(path))}
    shown = {name for page in PAGES for name in VARIABLE.findall(text(page))}
    assert shown == engine


@pytest.mark.parametrize("page", named(EVERY_PAGE))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there, and a heading in it."""
    for link in LINK.findall(FENCE.sub("", text(page))):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", named(PAGES))
def test_named_places_are_there(page: Path) -> None:
    """A path of the repository that a page names exists; placeholders and folders of results aside."""
    for words in CODE.findall(FENCE.sub("", text(page))):
        if words.startswith(ROOMS) and " " not in words and not PLACEHOLDER.search(words):
            assert (HOME / words).exists(), words


@pytest.mark.parametrize("page", named(PAGES))
def test_quotes_stand_where_they_are_from(page: Path) -> None:
    """What a page quotes from a file stands there, paragraph by paragraph and in that order."""
    for link, quoted in QUOTE.findall(text(page)):
        left = textwrap.dedent(text((page.parent / link).resolve()))
        for paragraph in re.split(r"\n\n+", quoted.strip()):
            wanted = r"\n\s*".join(re.escape(found.strip()) for found in paragraph.splitlines())
            place = re.search(wanted, left)
            assert place, f"{link} has it no more, or not here:\n{paragraph}"
            left = left[place.end() :]


def test_pages_quote_at_all() -> None:
    """The README shows a suite, and the authors' page shows each kind of question."""
    quotes = {page: [link for link, _ in QUOTE.findall(text(page))] for page in (README, AUTHOR)}
    assert any(link.endswith("test_lab.py") for link in quotes[README])
    assert len(quotes[AUTHOR]) >= 4


@pytest.mark.parametrize("name", [*PROVIDERS, *EXPORTS])
def test_providers_and_exports_have_a_heading(name: str) -> None:
    """Whoever may choose one can read what it does."""
    words = text(EXTENDER) + text(HOME / "reports" / "README.md")
    assert re.search(rf"^#+ {name}$", words, re.MULTILINE)


@pytest.mark.parametrize(
    ("heading", "known"),
    [("Keys of the lab", LAB_KEYS), ("Keys of a check", CHECK_KEYS), ("Mistakes", MISTAKE_KEYS)],
)
def test_every_key_of_a_lab_is_explained(heading: str, known: tuple[str, ...]) -> None:
    """Authors find each key and its meaning, and no key that is not read."""
    assert keys(section(AUTHOR, heading)) == list(known)
    assert all(len(row) == 2 and row[1] for row in rows(section(AUTHOR, heading)))


def test_the_engine_contract_is_explained() -> None:
    """Every key of engine.json has a row, in the file's order."""
    data = contract.contents(places.of_this_user(), Path("tools"), "image", [], {})
    assert keys(section(EXTENDER, "The engine contract: engine.json")) == list(data)


@pytest.mark.parametrize("page", [README, HOME / "docs" / "student.md"], ids=["README.md", "docs/student.md"])
def test_marks_and_outcomes_are_explained(page: Path) -> None:
    """Every outcome stands in a table beside the mark that the terminal shows."""
    cells = [{cell.strip("`") for cell in row} for row in rows(text(page))]
    for state in STATES:
        assert any({state, MARKS[state]} <= row for row in cells), state


def test_exit_codes_are_explained() -> None:
    """Scripts find every exit code in the README."""
    codes = {row[0] for row in rows(section(README, "Outcomes and grade"))}
    assert {str(code) for code in (cli.FINE, cli.FINDINGS, cli.USAGE, cli.HARNESS, cli.INTERRUPTED)} <= codes


def test_the_folders_listed_are_there() -> None:
    """The README's listing names every folder that the course digests or the engine lives in, and no other."""
    found = FENCE.search(section(README, "Where things belong"))
    assert found
    listed = [words.split()[0] for words in found[2].splitlines()]
    assert all((HOME / name).is_dir() for name in listed)
    assert {"labs/", "checks/", "fixtures/", "src/labgrade/", "tests/", "docs/"} <= set(listed)


def test_the_whole_check_of_the_authors_page_works() -> None:
    """The example that authors copy passes where it should, and fails with what it saw where it should."""
    blocks = [block for language, block in FENCE.findall(text(AUTHOR)) if language == "python"]
    example = next(block for block in blocks if block.startswith("def assert_"))
    room: dict[str, object] = {"Deployment": Deployment, "Text": Text, "Unmet": Unmet}
    exec(example, room)
    judge = next(value for name, value in room.items() if name.startswith("assert_"))
    assert callable(judge)
    found = World(deployment("web", replicas=3, image="nginx:1.26", revision=1)).cluster.deployment("web")
    judge(found, replicas=3)
    with pytest.raises(Unmet, match="asks for 3 Pods"):
        judge(found, replicas=2)


def test_the_picture_of_the_terminal_is_what_is_printed() -> None:
    """The README's first impression is today's output, to the letter; see this file's first lines."""
    shown = [block for language, block in FENCE.findall(text(README)) if language == "text"]
    assert picture() == shown[0].rstrip("\n")


def picture() -> str:
    """What `labgrade check` prints of a Service that selects nothing, but for where the files are."""
    lab = COURSE.lab("b01-deployment-labels")
    outcomes = tuple(outcomes_of(lab, "service-selects-nothing"))
    titles = {check.id: check.title for check in lab.checks}
    result = LabResult(
        lab_id=lab.id,
        lab_title=lab.title,
        tool_version="",
        course_digest="",
        run="",
        cluster=ClusterInfo("", "", ""),
        started="",
        finished="",
        possible=sum(check.points for check in lab.checks),
        outcomes=outcomes,
    )
    acts = [f"  - {check.disturbs.en}" for check in lab.checks if check.disturbs]
    lines = [line(outcome, language="en", colour=False, titles=titles) for outcome in outcomes]
    head = [f"{lab.id} · {lab.title.en}", DISTURBS.en, *acts]
    return "\n".join([*head, "", *lines, "", summary(result, language="en", colour=False)])


def outcomes_of(lab: Lab, name: str) -> Iterator[Outcome]:
    """What a mistake of the Service comes to, as recorded, with the words that the check really says."""
    mistake = read_mistake(lab.folder / "mistakes" / name, lab)
    for check in lab.checks:
        base = Outcome(check.id, check.title, "passed", check.points, check.points, 0.0, check.hint)
        if check.id in mistake.failed:
            saw, wanted, try_ = served_wrongly(lab.namespace)
            yield Outcome(check.id, check.title, "failed", check.points, 0, 0.0, check.hint, saw, wanted, try_)
        elif check.id in mistake.blocked:
            by = tuple(need for need in check.needs if need in mistake.failed)
            yield Outcome(
                check.id, check.title, "blocked", check.points, 0, 0.0, check.hint, wording.BLOCKED, blocked_by=by
            )
        else:
            yield base


def served_wrongly(namespace: str) -> tuple[Text, Text, Text]:
    """What the check says of a Service that selects a label which no Pod has."""
    pods = pod("web-78bc755fbb-c9bg5", labels={"app": "web"})
    world = World(service("web", selector={"app": "website"}), endpoints("web"), pods)
    with pytest.raises(Unmet) as caught:
        assert_served(world.cluster.service("web"), world.cluster.pods(), prober({}), port=80)
    try_ = caught.value.try_.en.replace(f"-n {NAMESPACE}", f"-n {namespace}")
    return caught.value.saw, caught.value.wanted, Text(try_, try_)


if __name__ == "__main__":
    print(picture())

"""How findings look on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labgrade import wording
from labgrade.diagnosis.finding import Finding, Level
from labgrade.diagnosis.rounds import Seen
from labgrade.terminal import COLOURS, INDENT, MARKS, PARTLY_COLOUR, Look, painted, shown, wrapped
from labgrade.text import Language, Text, harmless

WARNING_MARK = "▲"
LEVEL_MARKS: dict[Level, str] = {
    "fine": MARKS["passed"],
    "remark": MARKS["skipped"],
    "absent": MARKS["skipped"],
    "warning": WARNING_MARK,
    "trouble": MARKS["failed"],
    "error": MARKS["error"],
}
LEVEL_COLOURS: dict[Level, str] = {
    "fine": COLOURS["passed"],
    "remark": COLOURS["skipped"],
    "absent": PARTLY_COLOUR,
    "warning": PARTLY_COLOUR,
    "trouble": COLOURS["failed"],
    "error": COLOURS["error"],
}
MEANS = Text(en="means", fr="donc")
DO = Text(en="do", fr="faire")
WIDTH = 5

UNSEEN = Text(en="Not looked at ({}): {}", fr="Pas regardé ({}) : {}")
READY = Text(en="This machine is ready.", fr="Cette machine est prête.")
READY_BUT = Text(
    en="This machine is ready; what is marked ▲ is worth mending.",
    fr="Cette machine est prête ; ce qui est marqué ▲ mérite d'être corrigé.",
)
NEXT = Text(
    en="This machine is ready for its cluster. Next: {}", fr="Cette machine est prête pour son cluster. Ensuite : {}"
)
UNSURE = Text(
    en="Not all could be looked at. `labgrade doctor --verbose` shows what to put into a bug report.",
    fr="Tout n'a pas pu être regardé. `labgrade doctor --verbose` montre de quoi signaler le problème.",
)


def entry(finding: Finding, lang: Language, looks: Look, *, verbose: bool) -> str:
    """One finding: mark and words; below it what it means, what to type, and if asked for, the details."""
    lines = wrapped(finding.words[lang], f"{LEVEL_MARKS[finding.level]} ", looks["width"])
    lines[0] = painted(lines[0], LEVEL_COLOURS[finding.level], colour=looks["colour"])
    if finding.means:
        lines += wrapped(finding.means[lang], _label(MEANS[lang]), looks["width"])
    label = _label(DO[lang])
    for each in finding.do:
        # A command is there to be copied: it is never wrapped.
        lines += wrapped(each[lang], label, looks["width"]) if isinstance(each, Text) else [label + harmless(each)]
        label = " " * len(label)
    if verbose:
        lines += [
            INDENT * 2 + harmless(homeless(part)) for each in finding.details for part in each.splitlines() if part
        ]
    return encoded("\n".join(lines), looks)


def _label(words: str) -> str:
    return INDENT + words.ljust(WIDTH) + INDENT


def unseen(seen: Sequence[Seen], finding: Finding, lang: Language, looks: Look) -> str:
    """The check-ups that a finding kept from being looked at; empty for none."""
    titles = [each.check_up.title[lang] for each in seen if each.because is finding]
    if not titles or finding.level == "absent":
        return ""  # who has no cluster yet expects nothing of it
    words = UNSEEN[lang].format(_first_line(finding, lang), ", ".join(titles))
    return encoded("\n".join(wrapped(words, f"{MARKS['blocked']} ", looks["width"])), looks)


def _first_line(finding: Finding, lang: Language) -> str:
    return finding.words[lang].splitlines()[0]


def verdict(findings: Sequence[Finding], lang: Language, looks: Look) -> str:
    """What to do first, or that all is well."""
    first = {level: next((each for each in findings if each.level == level), None) for level in LEVEL_MARKS}
    if trouble := first["trouble"]:
        label = wording.MEND_FIRST[lang]
        colon = "\u00a0: " if lang == "fr" else ": "
        words = f"{label[0].upper()}{label[1:]}{colon}{_first_line(trouble, lang)}"
    elif first["error"]:
        words = UNSURE[lang]
    elif absent := first["absent"]:
        words = NEXT[lang].format(", ".join(each[lang] if isinstance(each, Text) else each for each in absent.do))
    else:
        words = (READY_BUT if first["warning"] else READY)[lang]
    lines = wrapped(words, "", looks["width"])
    return encoded("\n".join(painted(line, "1", colour=looks["colour"]) for line in lines), looks)


def homeless(words: str) -> str:
    """Without the name of the user, who may send it to others."""
    return words.replace(str(Path.home()), "~")


def encoded(words: str, looks: Look) -> str:
    """As `terminal.shown`, which does not know our one mark more."""
    try:
        WARNING_MARK.encode(looks["encoding"])
    except UnicodeEncodeError:
        words = words.replace(WARNING_MARK, "^")
    return shown(words, looks["encoding"])

"""The words that reports share, in both languages."""

from __future__ import annotations

from labgrade.model import FULL_GRADE, LabResult, State
from labgrade.text import Language, Text

SAW = Text("saw", "vu")
WANTED = Text("wanted", "attendu")
TRY = Text("try", "essayez")
HINT = Text("hint", "indice")

STATES: dict[State, Text] = {
    "passed": Text("passed", "réussi"),
    "failed": Text("failed", "échoué"),
    "blocked": Text("blocked", "bloqué"),
    "skipped": Text("skipped", "ignoré"),
    "error": Text("not judged", "non évalué"),
}
PARTLY = Text("partly passed", "réussi en partie")
NOT_RUN = Text("not run", "non exécuté")

MEND_FIRST = Text("mend first", "à corriger d’abord")
BLOCKED = Text("Not tried: a check that it needs has failed.", "Non tenté\u00a0: une vérification requise a échoué.")
SKIPPED = Text(
    "An optional component is absent; these points do not count.",
    "Un composant facultatif est absent\u00a0; ces points ne comptent pas.",
)
ERROR = Text(
    "We could not look. It is not your fault and costs nothing: run it again.",
    "Nous n’avons pas pu regarder. Ce n’est pas votre faute et cela ne coûte rien\u00a0: relancez.",
)
COMPLETE = Text("Complete: every check was looked at.", "Complet\u00a0: tout a été vérifié.")
PERFECT = Text("Everything earned. Well done!", "Tous les points sont là. Bravo !")
INCOMPLETE = Text("Not complete, so not yet a grade", "Incomplet, donc pas encore une note")
SO_FAR = Text("points so far", "points jusqu’ici")
NO_GRADE = Text("no grade", "sans note")
HANDED_IN = Text("What was handed in", "Ce qui a été remis")


def colon(language: Language) -> str:
    """The colon behind a label, with the space after it, and the one that French has before it."""
    return "\u00a0: " if language == "fr" else ": "


def number(value: float, language: Language = "en") -> str:
    """Points as people write them: at most two decimals, and a comma in French."""
    words = f"{value:.2f}".rstrip("0").rstrip(".")
    return words.replace(".", ",") if language == "fr" else words


def score(result: LabResult, language: Language = "en") -> str:
    """`16.5 / 20`: the grade; while there is none, the points so far; no number where nothing was looked at."""
    if not result.outcomes:
        return NO_GRADE[language]
    if result.complete:
        return f"{number(result.grade, language)} / {FULL_GRADE}"
    return f"{number(result.earned, language)} / {number(result.possible, language)}"


def score_note(result: LabResult) -> Text:
    """What the score needs beside it: that it may still grow, or which points made the grade; else empty."""
    if not result.outcomes:
        return Text("", "")
    if not result.complete:
        return SO_FAR
    if result.possible == FULL_GRADE:
        return Text("", "")
    en, fr = (f"{number(result.earned, lang)} / {number(result.possible, lang)} points" for lang in ("en", "fr"))
    return Text(en, fr)


def why_incomplete(result: LabResult) -> tuple[Text, ...]:
    """The reasons why there is no grade yet, as sentences; empty for a complete result."""
    reasons = [result.note] if result.note and not result.complete else []
    errors = [outcome.id for outcome in result.outcomes if outcome.state == "error"]
    if result.not_run:
        ids = ", ".join(result.not_run)
        reasons.append(Text(f"Not run: {ids}.", f"Non exécuté\u00a0: {ids}."))
    if errors:
        ids = ", ".join(errors)
        reasons.append(
            Text(
                f"We could not look at: {ids}. It costs nothing; run it again.",
                f"Nous n’avons pas pu regarder\u00a0: {ids}. Cela ne coûte rien\u00a0; relancez.",
            )
        )
    return tuple(reasons)

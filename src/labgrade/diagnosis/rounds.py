"""Going through the check-ups: each in its time, whatever befalls it, and none of which an earlier trouble tells."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from labgrade.diagnosis.finding import HALTING, LEVELS, CheckUp, Finding, Level
from labgrade.diagnosis.patient import Patient
from labgrade.patience import Alarm
from labgrade.text import Text

Look = Callable[[Patient], Sequence[Finding]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one check-up."""

    check_up: CheckUp
    findings: tuple[Finding, ...]
    because: Finding | None = None
    """What kept it from being looked at."""


def examine(patient: Patient, check_ups: Sequence[CheckUp]) -> Iterator[Seen]:
    """Each check-up, in order, as it is done."""
    halted: dict[Look, Finding] = {}
    for check_up in check_ups:
        because = next((halted[look] for look in check_up.after if look in halted), None)
        seen = Seen(check_up, () if because else looked(patient, check_up), because)
        cause = because or next((each for each in seen.findings if each.level in HALTING), None)
        if cause:
            halted[check_up.look] = cause
        yield seen


def looked(patient: Patient, check_up: CheckUp) -> tuple[Finding, ...]:
    """The findings of one look; `error` where it crashed or did not end in time."""
    alarm, found = Alarm(), list[Sequence[Finding]]()

    def look() -> None:
        try:
            found.append(check_up.look(patient))
        except Exception as error:
            found.append([_crashed(check_up, error)])
        finally:
            alarm.ring()

    # A daemon: what hangs must not keep the command from ending.
    threading.Thread(target=look, daemon=True).start()
    return tuple(found[0]) if alarm.wait(check_up.seconds) and found else (_late(check_up),)


def _crashed(check_up: CheckUp, error: Exception) -> Finding:
    words = Text(
        en=f"Could not look at {check_up.title.en}: {error or type(error).__name__}",
        fr=f"Impossible de regarder {check_up.title.fr} : {error or type(error).__name__}",
    )
    return Finding("error", words, details=tuple(traceback.format_exception(error)[-1:] + _frames(error)))


def _frames(error: Exception) -> list[str]:
    """Where it happened, without paths."""
    return [f"{each.name}, line {each.lineno}" for each in traceback.extract_tb(error.__traceback__)[-4:]]


def _late(check_up: CheckUp) -> Finding:
    seconds = f"{check_up.seconds:.0f}"
    return Finding(
        "error",
        Text(
            en=f"Could not look at {check_up.title.en}: it takes more than {seconds} s",
            fr=f"Impossible de regarder {check_up.title.fr} : cela prend plus de {seconds} s",
        ),
    )


def worst(findings: Sequence[Finding]) -> Level:
    """The worst level among them; `fine` of none."""
    return LEVELS[max((LEVELS.index(each.level) for each in findings), default=0)]

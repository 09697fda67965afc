"""From what pytest saw of each check to its outcome: five states, their precedence, partial credit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from labgrade.course.yamlfile import nearest
from labgrade.errors import Absent, HarnessError, Unmet, UsageError
from labgrade.model import Check, Lab, Outcome, State
from labgrade.text import Text

NO_TEXT = Text("", "")

Witness = Callable[[Outcome], Sequence[str]]


def selected(lab: Lab, *, only: Sequence[str] = (), disturb: bool = True) -> list[Check]:
    """The checks to run, in the order to run them: those that look first, then those that disturb.

    `only` picks checks, with all their prerequisites; UsageError for one that the lab has not.
    """
    known = {check.id: check for check in lab.checks}
    for name in only:
        if name not in known:
            raise UsageError(f"{lab.id} has no check {name!r}{nearest(name, known)}")
    wanted = _with_needs(known, only) if only else set(known)
    chosen = [check for check in lab.checks if check.id in wanted and (disturb or not check.disturbs)]
    return sorted(chosen, key=lambda check: check.disturbs is not None)


def _with_needs(known: dict[str, Check], names: Sequence[str]) -> set[str]:
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += known[name].needs
    return found


class Scoresheet:
    """What became of a lab's checks so far."""

    def __init__(self, lab: Lab, chosen: Sequence[Check]) -> None:
        self.lab, self.outcomes = lab, list[Outcome]()
        self._chosen = {check.id: check for check in chosen}
        self._hindered: dict[str, tuple[State, Text, str]] = {}
        self._errors: dict[str, BaseException] = {}
        self._words: dict[str, str] = {}
        self._seconds: dict[str, float] = {}

    @property
    def possible(self) -> float:
        """The lab's points, less those of skipped checks."""
        skipped = sum(o.points for o in self.outcomes if o.state == "skipped")
        return sum(check.points for check in self.lab.checks) - skipped

    def check(self, check_id: str) -> Check:
        """The chosen check of that id."""
        return self._chosen[check_id]

    def hindrance(self, check_id: str) -> Text | None:
        """Why a check is not tried, from its prerequisites' outcomes; None when it is.

        A failed (or itself blocked) prerequisite blocks; else one in error is an error; else a skipped one skips.
        """
        states = {o.id: o.state for o in self.outcomes}
        needs = [name for name in self.check(check_id).needs if name in states]
        ranks: tuple[tuple[State, set[State]], ...] = (
            ("blocked", {"failed", "blocked"}),
            ("error", {"error"}),
            ("skipped", {"skipped"}),
        )
        for state, causes in ranks:
            first = next((name for name in needs if states[name] in causes), None)
            if first:
                root = self._root(first)
                reason = self._reason(state, root)
                self._hindered[check_id] = (state, reason, root.id)
                return reason
        return None

    def _root(self, check_id: str) -> Outcome:
        """What to mend first: the failure behind a chain of blocked checks."""
        outcome = next(o for o in self.outcomes if o.id == check_id)
        if outcome.state == "blocked":
            for name in self.check(check_id).needs:
                found = next((o for o in self.outcomes if o.id == name), None)
                if found and found.state in {"failed", "blocked"}:
                    return self._root(name)
        return outcome

    def _reason(self, state: State, root: Outcome) -> Text:
        if state == "blocked":
            return Text(en=f"first: {root.title.en}", fr=f"d'abord : {root.title.fr}")
        if state == "skipped":
            return root.saw
        return Text(
            en=f"it builds on {root.title.en!r}, which could not be looked at",
            fr=f"repose sur « {root.title.fr} », que nous n'avons pas pu vérifier",
        )

    def note(self, check_id: str, phase: str, error: BaseException | None, *, seconds: float, words: str) -> None:
        """What a phase (setup, call, teardown) of a check ended with."""
        self._seconds[check_id] = self._seconds.get(check_id, 0.0) + seconds
        if error is None:
            return
        ours = phase != "call" or not isinstance(error, AssertionError)
        if ours and check_id not in self._hindered:
            known = isinstance(error, (HarnessError, Absent))
            self._errors[check_id] = error if known else HarnessError(_brief(error))
        else:
            self._errors.setdefault(check_id, error)
        self._words[check_id] = words

    def close(self, check_id: str, *, asked: Sequence[str] = (), witness: Witness = lambda _: ()) -> Outcome:
        """The check's outcome, to be called once after its last phase.

        `asked`: traffic that it tried, as evidence; `witness`: gives more of it, and is asked about a failure only.
        """
        outcome = self._outcome(self.check(check_id))
        more = witness(outcome) if outcome.state == "failed" else ()
        outcome = replace(outcome, evidence=tuple(dict.fromkeys((*outcome.evidence, *asked, *more))))
        self.outcomes.append(outcome)
        return outcome

    def _outcome(self, check: Check) -> Outcome:
        error = self._errors.get(check.id)
        if check.id in self._hindered:
            state, reason, root = self._hindered[check.id]
            return self._made(check, state, saw=reason, blocked_by=(root,) if state == "blocked" else ())
        if error is None:
            return self._made(check, "passed", earned=check.points)
        if isinstance(error, Unmet):
            return self._made(
                check,
                "failed",
                earned=round(check.points * error.credit, 2),
                saw=error.saw,
                wanted=error.wanted or check.title,
                try_=error.try_,
                evidence=error.evidence,
            )
        if isinstance(error, AssertionError):
            words = str(error) or self._words.get(check.id, "")
            return self._made(check, "failed", saw=Text(words, words), wanted=check.title)
        if isinstance(error, Absent) and check.optional == error.component:
            return self._made(check, "skipped", saw=error.reason)
        return self._made(check, "error", saw=Text(str(error), str(error)))

    def _made(
        self,
        check: Check,
        state: State,
        *,
        earned: float = 0.0,
        saw: Text = NO_TEXT,
        wanted: Text = NO_TEXT,
        try_: Text = NO_TEXT,
        evidence: tuple[str, ...] = (),
        blocked_by: tuple[str, ...] = (),
    ) -> Outcome:
        return Outcome(
            id=check.id,
            title=check.title,
            state=state,
            points=check.points,
            earned=earned,
            seconds=round(self._seconds.get(check.id, 0.0), 3),
            hint=check.hint,
            saw=saw,
            wanted=wanted,
            try_=try_,
            evidence=evidence,
            blocked_by=blocked_by,
        )


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"

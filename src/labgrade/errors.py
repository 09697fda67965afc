"""The three ways things go wrong, and whose fault each is."""

from __future__ import annotations

from labgrade.text import Text, text


class _Told(Exception):
    """`why` is what it says in both languages, where somebody troubled to."""

    def __init__(self, words: Text | str) -> None:
        self.why = text(words)
        super().__init__(self.why.en)


class UsageError(_Told):
    """The command, a file or a kubeconfig that we were given is not usable; exit code 2.

    The message is a sentence for the person who typed it: file, key, what was found, the nearest right answer.
    """


class HarnessError(_Told):
    """We could not look. Costs nobody a point: the check ends in `error`, a command with exit code 3."""


def unforeseen(error: BaseException) -> HarnessError:
    """An error of labgrade's own, as trouble of ours that stays one student's."""
    return HarnessError(f"labgrade itself went wrong: {error!r}")


class TimeUp(HarnessError):
    """It took longer than it was given: no reason to try the same again."""


class Unmet(AssertionError):
    """The lab asks for something that the cluster does not show. Costs points.

    `saw`, `wanted` and `try_` are what the student reads, each a `Text` in both languages or a string that
    serves both (a command, an object's name). `credit` is the part of the check's points earned all the same,
    from 0 to 1 (1 excluded). `evidence` is what was looked at, one entry a line.
    """

    def __init__(
        self,
        saw: Text | str,
        *,
        wanted: Text | str = "",
        try_: Text | str = "",
        credit: float = 0.0,
        evidence: tuple[str, ...] = (),
    ) -> None:
        if not 0 <= credit < 1:
            raise ValueError(f"credit must be at least 0 and below 1, not {credit}")
        self.saw, self.wanted, self.try_ = text(saw), text(wanted), text(try_)
        self.credit, self.evidence = credit, evidence
        super().__init__(self.saw.en)


class Absent(Exception):
    """An optional component is not there: the check is skipped, if lab.yaml says `optional: <component>`."""

    def __init__(self, component: str) -> None:
        self.component = component
        self.reason = Text(en=f"{component} is not installed", fr=f"{component} n'est pas installé")
        super().__init__(self.reason.en)

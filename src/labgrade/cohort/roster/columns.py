"""What the columns of a roster are called: our words, those of learning platforms, and French ones."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

SOURCES = ("kubeconfig", "context", "submission")
"""What is graded of a student: one of these."""

_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "id": (
        *("id", "studentid", "identifier", "identifiant", "login", "matricule"),
        *("numero", "numeroetudiant", "netudiant", "noetudiant"),
    ),
    "name": ("name", "fullname", "student", "nomcomplet", "etudiant", "nometprenom", "nomprenom", "prenomnom"),
    "firstname": ("firstname", "givenname", "prenom"),
    "lastname": ("lastname", "surname", "familyname", "nom", "nomdefamille"),
    "email": (
        *("email", "emailaddress", "mail", "courriel", "adressedecourriel", "adressecourriel"),
        *("adressemail", "adresseemail", "adresseelectronique"),
    ),
    "kubeconfig": ("kubeconfig",),
    "context": ("context", "contexte"),
    "submission": ("submission", "rendu", "travail"),
    "revision": ("revision", "commit"),
    "namespace": ("namespace", "espacedenoms"),
    "submitted": (
        *("submitted", "submittedat", "submittedon", "submissiondate", "submissiontime"),
        *("rendule", "remisle", "deposele", "datederendu", "datederemise", "datededepot"),
    ),
    "username": ("username", "nomdutilisateur"),
    "idnumber": ("idnumber", "numerodidentification"),
    "section": ("section",),
    "canvas_id": ("canvasid", "canvasuserid"),
    "sis_user_id": ("sisuserid",),
    "sis_login_id": ("sisloginid",),
    "github": ("github", "githubusername", "githublogin", "comptegithub"),
}
"""What a column may be called, the likeliest first: letters and digits in lower case, without accents."""

_MEANINGS = {synonym: column for column, synonyms in _SYNONYMS.items() for synonym in synonyms}

_OTHERWISE = {
    **dict.fromkeys(("login", "identifiant", "identifier"), "username"),
    **dict.fromkeys(("studentid", "matricule", "numero", "numeroetudiant", "netudiant", "noetudiant"), "idnumber"),
}
"""What such a column holds where another one is the id."""


def meaning(name: str) -> str | None:
    """The column that a name means, in any spelling; None: none that we know."""
    return _MEANINGS.get(_plain(name))


def columns_of(names: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Which column stands where, and what is wrong with the names; a name that is like none of ours means nothing."""
    columns: dict[str, int] = {}
    left: list[tuple[str, int]] = []
    for index, name in sorted(enumerate(names), key=lambda each: _rank(each[1])):
        column = meaning(name)
        if column is not None and columns.setdefault(column, index) != index:
            left.append((column, index))
    problems: list[str] = []
    for column, index in left:
        other = _OTHERWISE.get(_plain(names[index]), column)
        if columns.setdefault(other, index) != index:
            problems.append(f"the columns {names[columns[column]]!r} and {names[index]!r} both mean `{column}`")
    return columns, problems + list(_misspelt(names, columns))


def _rank(name: str) -> int:
    """How likely a column means what its name may mean; the order of the columns decides between equals."""
    plain = _plain(name)
    return _SYNONYMS[_MEANINGS[plain]].index(plain) if plain in _MEANINGS else 0


def _misspelt(names: Sequence[str], columns: Mapping[str, int]) -> Iterator[str]:
    wanted = [synonym for synonym, column in _MEANINGS.items() if column not in columns]
    for name in names:
        plain = _plain(name)
        # Three letters are too few to tell a slip from another word.
        if plain not in _MEANINGS and len(plain) > 3:
            for close in difflib.get_close_matches(plain, wanted, n=1, cutoff=0.75):
                yield f"the column {name!r} is not known; did you mean {_MEANINGS[close]!r}?"


def _plain(name: str) -> str:
    """A column's name as far as it matters: letters and digits, without case and accents."""
    split = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in split if c.isalnum())

"""Does anything outside the vault name a patient? Only the vault knows whom to look for."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import polars as pl

from wbr_platform.dicom.vault import Vault

Term = tuple[str, ...]
"""An identifying text as its words, in capitals: punctuation and case play no part."""

LEAST_CHARACTERS = 5  # shorter identifiers would be found everywhere by chance
_WORD = re.compile(r"[A-Z0-9]+")
_COMPRESSED = {".gz", ".npy", ".duckdb", ".png"}


def identity_terms(vault: Vault) -> frozenset[Term]:
    """Identifiers, names, dates of birth and UIDs of all registered studies."""
    terms: set[Term] = set()
    for study_key in vault.study_keys():
        identity = vault.source(study_key)["identity"]
        # The issuer names a hospital, not a person.
        terms.update(_words(str(value)) for key, value in identity.items() if key != "issuer")
        choice = vault.read_choice(study_key)
        if choice is not None:
            patient = choice["described"]["patient"]
            terms.add(_words(patient["birth_date"]))
            terms.update(_words(name) for name in patient["names"])
    return frozenset(term for term in terms if sum(map(len, term)) >= LEAST_CHARACTERS)


def leaks(root: Path, terms: Collection[Term]) -> list[str]:
    """Files below ``root``, as relative paths, whose name or content holds one of the terms.

    Text and databases are read as they are, Parquet by its text columns. Voxels, pictures and the
    DuckDB file (made from the Parquet files) are not read, only their names.
    """
    by_first: dict[str, list[Term]] = defaultdict(list)
    for term in terms:
        by_first[term[0]].append(term)
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(root))
            if any(_holds(text, by_first) for text in (name, *_texts(path))):
                found.append(name)
    return found


def _texts(path: Path) -> Iterator[str]:
    if path.suffix == ".parquet":
        frame = pl.read_parquet(path)
        for name in frame.select(pl.col(pl.String)).columns:
            yield "\n".join(frame[name].drop_nulls().unique())
    elif path.suffix not in _COMPRESSED:
        yield path.read_bytes().decode("latin-1")


def _words(text: str) -> Term:
    return tuple(_WORD.findall(text.upper()))


def _holds(text: str, by_first: dict[str, list[Term]]) -> bool:
    words = _words(text)
    return any(
        words[position : position + len(term)] == term
        for position, term in _candidates(words, by_first)
    )


def _candidates(words: Term, by_first: dict[str, list[Term]]) -> Iterable[tuple[int, Term]]:
    for position, word in enumerate(words):
        for term in by_first.get(word, ()):
            yield position, term

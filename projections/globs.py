"""Which files of a folder are meant: `out/**`, `*.html`, and `!out/tmp` to take some away again.

A pattern is a path with `*`, `?` and `[…]` inside a name, and `**` for any number of folders. It stands
below one folder and cannot leave it. Names that begin with a dot are names like any other. Pure.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import translate
from typing import Final

from runlore.journal.errors import BadInput
from runlore.journal.redaction import REDACTED

MOST: Final = 256
"""Patterns of one kind that a run may declare."""
LONGEST: Final = 1024
"""Characters of one pattern."""
DEEPEST: Final = 128
"""Folders below each other that a pattern may name, and that are looked into."""
_STARS: Final = "**"
_WILD: Final = frozenset("*?[")
_HOW: Final = "write a path below the run's folder, such as 'out/**' or 'report.html'"

States = frozenset[int]
"""Parts of a pattern that may come next, given the folders that were entered."""


class Glob:
    """One pattern, its parts between `/`. Immutable.

    exclude: it takes away, so whatever folder it matches is out with all that is in it. Otherwise only a
    last part without wildcards, or `**`, means all that is in a folder: `out` does, `out/*` does not.
    """

    def __init__(self, text: str, parts: Sequence[str], *, whole_folders: bool) -> None:
        self.text: Final = text
        self.parts: Final = tuple(parts)
        self.start: Final[States] = self._closed({0})
        self._takes_folders: Final = whole_folders or self.parts[-1] == _STARS or _is_plain(self.parts[-1])
        self._matchers: Final = tuple(
            None if part == _STARS or _is_plain(part) else re.compile(translate(part)) for part in self.parts
        )

    def __repr__(self) -> str:
        return f"<Glob {self.text}>"

    def enter(self, states: States, name: str) -> States:
        """Return what may come next once `name` was entered."""
        reached: set[int] = set()
        for at in states:
            if at == len(self.parts):
                continue
            if self.parts[at] == _STARS:
                reached |= {at, at + 1} if at == len(self.parts) - 1 else {at}
            elif self._is_named(at, name):
                reached.add(at + 1)
        return self._closed(reached)

    def is_met(self, states: States) -> bool:
        """Say whether the path so far is one that the pattern means."""
        return len(self.parts) in states

    def takes_folder(self, states: States) -> bool:
        """Say whether the folder so far is meant with all that is in it."""
        return self._takes_folders and self.is_met(states)

    def next_names(self, states: States) -> frozenset[str] | None:
        """Return the only names that can come next; None if any name can."""
        parts = [self.parts[at] for at in states if at < len(self.parts)]
        return frozenset(parts) if all(map(_is_plain, parts)) else None

    def means(self, path: str) -> bool:
        """Say whether the pattern means the file at `path`, `/` between names."""
        *folders, name = path.split("/")
        states = self.start
        for folder in folders:
            states = self.enter(states, folder)
            if self.takes_folder(states):
                return True
        return self.is_met(self.enter(states, name))

    def _is_named(self, at: int, name: str) -> bool:
        matcher = self._matchers[at]
        return self.parts[at] == name if matcher is None else matcher.match(name) is not None

    def _closed(self, states: Iterable[int]) -> States:
        """Return the states with those reached by `**` standing for no folder; a last one needs a name."""
        closed = set(states)
        for first in states:
            at = first
            while at < len(self.parts) - 1 and self.parts[at] == _STARS:
                at += 1
                closed.add(at)
        return frozenset(closed)


class Selection:
    """Patterns of one kind: what they mean, without what those with `!` take away. Immutable.

    Raises:
        BadInput: one of them is no pattern; the message quotes it.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns: Final = tuple(patterns)
        self.include: Final = tuple(parsed(each) for each in self.patterns if not each.startswith("!"))
        self.exclude: Final = tuple(
            parsed(each[1:], exclude=True) for each in self.patterns if each.startswith("!")
        )

    def means(self, path: str) -> bool:
        """Say whether the file at `path` is selected."""
        return any(each.means(path) for each in self.include) and not any(
            each.means(path) for each in self.exclude
        )


class Place:
    """A folder on the way down, as one selection sees it. Immutable.

    inside: everything here is meant, but for what is taken away.
    """

    def __init__(
        self,
        selection: Selection,
        include: tuple[States, ...] | None = None,
        exclude: tuple[States, ...] | None = None,
        *,
        inside: bool = False,
    ) -> None:
        self._selection = selection
        self._include = include or tuple(each.start for each in selection.include)
        self._exclude = exclude or tuple(each.start for each in selection.exclude)
        self._inside = inside

    def enter(self, name: str) -> "Place | None":
        """Return the folder `name` in here; None if nothing below it can be meant."""
        include, exclude = self._steps(name)
        chosen = self._selection
        if any(glob.takes_folder(at) for glob, at in zip(chosen.exclude, exclude, strict=True)):
            return None
        inside = self._inside or any(
            glob.takes_folder(at) for glob, at in zip(chosen.include, include, strict=True)
        )
        if not inside and not any(include):
            return None
        return Place(chosen, include, exclude, inside=inside)

    def selects(self, name: str) -> bool:
        """Say whether the file `name` in here is meant."""
        include, exclude = self._steps(name)
        chosen = self._selection
        wanted = self._inside or any(
            glob.is_met(at) for glob, at in zip(chosen.include, include, strict=True)
        )
        return wanted and not any(glob.is_met(at) for glob, at in zip(chosen.exclude, exclude, strict=True))

    def next_names(self) -> frozenset[str] | None:
        """Return the only names that can be meant in here; None if any can."""
        if self._inside:
            return None
        names: set[str] = set()
        for glob, states in zip(self._selection.include, self._include, strict=True):
            more = glob.next_names(states)
            if more is None:
                return None
            names |= more
        return frozenset(names)

    def _steps(self, name: str) -> tuple[tuple[States, ...], tuple[States, ...]]:
        chosen = self._selection
        return (
            tuple(glob.enter(at, name) for glob, at in zip(chosen.include, self._include, strict=True)),
            tuple(glob.enter(at, name) for glob, at in zip(chosen.exclude, self._exclude, strict=True)),
        )


class These(Place):
    """A folder on the way down to files and folders that are named by their paths. Immutable.

    No character stands for anything else, and many paths are as quick as one. paths: `/` between names.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        super().__init__(Selection(()))
        self._node = _Node()
        for path in paths:
            node = self._node
            for name in path.split("/"):
                node = node.below.setdefault(name, _Node())
            node.is_meant = True

    def enter(self, name: str) -> "Place | None":
        """Return the folder `name` in here; None if nothing below it is named."""
        node = self._node.below.get(name)
        if self._node.is_meant or node is None:
            return self if self._node.is_meant else None
        place = These(())
        place._node = node
        return place

    def selects(self, name: str) -> bool:
        """Say whether the file `name` in here is meant."""
        return self._node.is_meant or (name in self._node.below and self._node.below[name].is_meant)

    def next_names(self) -> frozenset[str] | None:
        """Return the only names that can be meant in here; None if any can."""
        return None if self._node.is_meant else frozenset(self._node.below)


class _Node:
    """A name on the way to paths, or at the end of one: then all that is below is meant."""

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.is_meant = False


def parsed(text: str, *, exclude: bool = False) -> Glob:
    """Return the pattern that `text` is; one that begins with `!` is none by itself.

    Raises:
        BadInput: it is none, or would leave the folder it stands in; the message says why.
    """
    if why := _refusal(text):
        raise BadInput(f"pattern {text[:80]!a} {why}; {_HOW}")
    whole = text.endswith("/")
    return Glob(text, list(_parts(text)), whole_folders=exclude or whole)


def checked(option: str, patterns: Sequence[str], *, may_exclude: bool = True) -> tuple[str, ...]:
    """Return the patterns, if all of them are some; `option` is what the messages call them.

    Raises:
        BadInput: one of them is none, or there are too many.
    """
    if len(patterns) > MOST:
        raise BadInput(f"{option} is given {len(patterns):,} times; at most {MOST}. Use wildcards")
    for each in patterns:
        if each.startswith("!") and not may_exclude:
            raise BadInput(
                f"{option} {each[:80]!a}: what is required cannot be taken away; leave out the `!`"
            )
    try:
        selection = Selection(patterns)
    except BadInput as error:
        raise BadInput(f"{option}: {error}") from None
    if selection.exclude and not selection.include:
        raise BadInput(
            f"{option}: `!` takes away from other patterns, and there are none; add one without it"
        )
    return tuple(patterns)


def as_recorded(pattern: str) -> str:
    """Return a pattern from a journal, where a secret in it was masked: that part stands for anything."""
    return pattern.replace(REDACTED, "*")


def _refusal(text: str) -> str:
    """Return what is wrong with a pattern; nothing if it is one."""
    if not text.strip("/."):
        return "names nothing" if ".." not in text else "leads out of its folder by `..`"
    if len(text) > LONGEST:
        return f"is longer than {LONGEST:,} characters"
    if not _is_text(text):
        return "is not UTF-8, which the paths of artifacts are"
    if "\0" in text or "\\" in text:
        return "holds a NUL or a backslash, which no such path can; `[*]` means the character itself"
    if text.startswith("/"):
        return "is absolute, and so may lie anywhere"
    if "://" in text:
        return "is a URL"
    names = text.split("/")
    if ".." in names:
        return "leads out of its folder by `..`"
    if len(names) > DEEPEST:
        return f"goes deeper than {DEEPEST} folders"
    if any(_STARS in name and name != _STARS for name in names):
        return "has `**` inside a name; it stands alone between slashes"
    return ""


def _parts(text: str) -> Iterator[str]:
    """Yield the parts of a pattern, those that mean nothing left out."""
    for part in text.split("/"):
        if part and part != ".":
            yield part


def _is_plain(part: str) -> bool:
    """Say whether a part is a name, with nothing in it that stands for something else."""
    return _WILD.isdisjoint(part)


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True

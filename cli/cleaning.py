"""Take secrets out of what is said of a failure: a message quotes what was typed, and that may hold one."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from runlore.journal.redactor import Policy

Clean = Callable[[str], str]

_OPTIONS: Final = frozenset({"--secret", "--secret-file"})


def cleaner(words: Sequence[str], root: Callable[[], str]) -> Clean:
    """Return what cleans the messages of one invocation; nothing is loaded for it before the first.

    root: asked for the registry whose settings count; where it cannot tell, names alone do.
    """

    def clean(message: str) -> str:
        from runlore.runtimes.run_secrets import in_environment  # noqa: PLC0415 - only when something fails
        from runlore.runtimes.surroundings import environment  # noqa: PLC0415 - see above

        secrets = in_environment(environment(), _policy(root), _named(words))
        return secrets.quoted(message, words)

    return clean


def _policy(root: Callable[[], str]) -> "Policy":
    from runlore.journal.errors import RunloreError  # noqa: PLC0415 - see above
    from runlore.journal.redactor import Policy  # noqa: PLC0415 - see above
    from runlore.journal.settings_file import read_settings  # noqa: PLC0415 - see above

    try:
        place = root()
        return read_settings(place).redaction if place else Policy()
    except RunloreError:
        return Policy()


def _named(words: Sequence[str]) -> Iterator[str]:
    """Yield what `--secret` and `--secret-file` name, wherever they stand."""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        option, equals, value = word.partition("=")
        if option in _OPTIONS:
            yield (value if equals else after).partition("=")[0]

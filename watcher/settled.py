"""Where settled journals end, so that what changed meanwhile is found when the feed is lost. Pure."""

from runlore.journal.values import RunId

Place = tuple[int, int]
"""Of the feed: segment and offset."""


class SettledSizes:
    """What a stream knows of the journals it does not read any more."""

    def __init__(self) -> None:
        self._sizes: dict[RunId, int] | None = None
        self._found: dict[RunId, int] | None = None
        """The same, while what was there before is gone through from its beginning."""
        self._counted: tuple[dict[RunId, int], Place] | None = None
        """Sizes that hold once the stream has passed this place in the feed."""

    def know(self, sizes: dict[RunId, int]) -> None:
        """Trust these sizes of all journals."""
        self._sizes = sizes

    def know_from(self, sizes: dict[RunId, int], place: Place) -> None:
        """Trust the sizes of the journals once the stream is where the feed was when they were taken."""
        self._counted = (sizes, place)

    def passed(self, place: Place) -> None:
        """Note how far the stream has come in the feed."""
        if self._counted is not None and place >= self._counted[1]:
            self._sizes, self._counted = self._counted[0], None

    def settled(self, run_id: RunId, size: int) -> None:
        """Note where a journal ends that is sealed and delivered."""
        for sizes in (self._sizes, self._found):
            if sizes is not None:
                sizes[run_id] = size

    def is_new(self, run_id: RunId) -> bool:
        """Say whether a journal is surely none of those there were."""
        return self._sizes is not None and run_id not in self._sizes

    def begin_history(self) -> None:
        """Know nothing until everything that was there before was gone through."""
        self._sizes, self._found = None, {}

    def went_through_all(self) -> None:
        """Trust what was found on the way."""
        self._sizes, self._found = self._found, None

    def lose_feed(self) -> dict[RunId, int] | None:
        """Count by no place in the feed any more; return the sizes, None while they are not known of all."""
        self._counted = None
        return self._sizes

"""What is shown of the settings: see `schema`. Pure."""

from typing import Literal

from msgspec import Struct

from runlore.projections.retention_views import RetentionRulesView


class SettingsProblemView(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with the settings."""

    line: int | None
    """Null where it is the file itself."""
    text: str


class RedactionView(Struct, frozen=True, kw_only=True):
    """What is secret beside what registered values and names say; empty lists where nothing was set."""

    allow: list[str]
    deny: list[str]
    patterns: list[str]


class LimitsView(Struct, frozen=True, kw_only=True):
    """What there may be at most."""

    keepers: int
    """Runs that may be kept at once in this registry."""
    keepers_from: Literal["config", "memory"]
    """Who says so: config.toml, or how much memory this machine or container has."""


class CollectionLimitsView(Struct, frozen=True, kw_only=True):
    """How much of one run is collected; what is beyond is counted, and on record."""

    max_files: int
    max_bytes: int


class ConfigView(Struct, frozen=True, kw_only=True):
    """The settings in effect, and what is wrong with their file."""

    schema: Literal["runlore.config/1"] = "runlore.config/1"
    path: str
    exists: bool
    items: list[SettingsProblemView]
    """What is wrong. An unknown section or key, or a wrong kind of value, lets nothing be recorded; a value
    that means nothing lets nothing be removed by a rule, or in `artifacts` nothing be started."""
    redaction: RedactionView
    limits: LimitsView
    retention: RetentionRulesView | None = None
    """The rules as they are understood."""
    artifacts: CollectionLimitsView | None = None

"""Canaries in bundles: what leaves the registry for good holds no trace of them either."""

import pytest

from tests.leaks.encoders import SECRETS, leaks
from tests.leaks.registry_of_leaks import Observed

SCRIPT = (
    'echo "$CANARY"; printf %s "$CANARY" | base64 -w0 >&2; echo "$CANARY" > out.txt; '
    'printf "\\0%s" "$CANARY" > bin; '
    'runlore emit note "$CANARY"; runlore emit progress 0.5 "$CANARY"'
)


@pytest.mark.parametrize("kind", ["quotes", "lines"])
def test_no_bundle_holds_a_secret(observed: Observed, kind: str) -> None:
    """Printed, noted, stored as an output, in arguments and labels: exported, and imported."""
    secret = SECRETS[kind]
    (observed.home / "canary.txt").write_text(secret)
    given = ["--secret-file", "CANARY=canary.txt", "--artifact", "out.txt", "--artifact", "bin"]
    observed("run", *given, "--metadata", '{"a": 1}', "sh", "-c", SCRIPT, secret, env={"MY_TOKEN": secret})
    observed("note", "latest", secret, env={"MY_TOKEN": secret})

    observed.ok("export", "latest", "-o", "runs.tar")
    bundle = (observed.home / "runs.tar").read_bytes()
    assert bundle.count(b"[REDACTED]") > 3
    assert leaks(bundle, [secret]) == []
    observed.ok("import", "runs.tar", env={"RUNLORE_ROOT": str(observed.home / "other")})
    assert observed.found([secret]) == []


def test_the_search_would_find_one(observed: Observed) -> None:
    """The same, with nothing registered: a bundle is not compressed, so what is in it is found."""
    observed.ok("run", "-q", "sh", "-c", f"echo {SECRETS['plain']}")
    observed.ok("export", "latest", "-o", "runs.tar")
    assert leaks((observed.home / "runs.tar").read_bytes(), [SECRETS["plain"]])

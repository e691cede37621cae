"""`runlore config check`: every problem with its line; and what a broken file stops, and what it does not."""

import pytest

from tests.cli.command import Runlore


@pytest.fixture(autouse=True)
def _good(runlore: Runlore) -> None:
    """A registry with a run of its own to look at: its settings are changed here."""
    runlore.ok("run", "-q", "--name", "good", "echo", "hi")


def test_without_a_file_nothing_is_wrong(runlore: Runlore) -> None:
    """Most registries have none."""
    done = runlore.ok("config", "check")

    assert "there is none" in done.stdout
    assert runlore.ok("config", "check", "--json").json["exists"] is False


def test_the_settings_in_effect_are_shown(runlore: Runlore) -> None:
    """For people and for programs."""
    (runlore.root / "config.toml").write_text('[redaction]\nallow = ["CI_TOKEN"]\ndeny = ["FOO_*"]\n')

    assert "redaction.allow     CI_TOKEN" in runlore.ok("config", "check").stdout
    told = runlore.ok("config", "check", "--json").json
    assert told["redaction"] == {"allow": ["CI_TOKEN"], "deny": ["FOO_*"], "patterns": []}
    assert told["items"] == []


def test_the_cap_on_live_keepers_is_shown_with_who_says_so(runlore: Runlore) -> None:
    """The memory there is, unless the user has said something."""
    told = runlore.ok("config", "check", "--json").json["limits"]
    assert told["keepers"] > 0
    assert told["keepers_from"] == "memory"

    (runlore.root / "config.toml").write_text("[limits]\nkeepers = 7\n")

    told = runlore.ok("config", "check", "--json").json["limits"]
    assert told == {"keepers": 7, "keepers_from": "config"}
    assert "limits.keepers      7, as set" in runlore.ok("config", "check").stdout


def test_above_the_cap_runs_are_refused(runlore: Runlore) -> None:
    """With the counts and what to do: 5, or 125 in the foreground; the key of a live run still names it."""
    (runlore.root / "config.toml").write_text("[limits]\nkeepers = 1\n")
    first = runlore.begin("--key", "once", "sleep", "60")

    for words, code in ((["run", "-d", "true"], 5), (["run", "true"], 125)):
        told = runlore(*words, code=code)
        assert "no room: 1 run of this registry is kept, of at most 1; nothing was submitted" in told.stderr
        assert f"{runlore.root}/config.toml" in told.stderr
    assert runlore.ok("run", "-d", "-q", "--key", "once", "sleep", "60").stdout.strip() == first
    runlore.ok("stop", "--force", first)
    runlore.ok("run", "true")


def test_all_problems_are_listed_and_exit_with_2(runlore: Runlore) -> None:
    """One line each: the file, the line, what is wrong."""
    path = runlore.root / "config.toml"
    path.write_text("[redaction]\nallow = 1\ndney = []\n")

    done = runlore("config", "check", code=2)

    assert [line.partition(": ")[0] for line in done.lines] == [f"{path}:2", f"{path}:3"]
    assert [each["line"] for each in runlore("config", "check", "--json", code=2).json["items"]] == [2, 3]


def test_a_broken_file_stops_writing_and_not_reading(runlore: Runlore) -> None:
    """A setting that was passed over could cost a secret; looking at runs costs none."""
    path = runlore.root / "config.toml"
    path.write_text("[redaction]\nallwo = []\n")

    for words in (["run", "-d", "true"], ["tag", "good", "a=b"], ["note", "good", "hi"]):
        done = runlore(*words, code=2)
        assert f"{path}:2: no key 'allwo'" in done.stderr, words
        assert "config check" in done.stderr
    assert runlore("run", "true", code=125).stderr.count("\n") == 1
    assert runlore.ok("ps").stdout
    assert runlore.ok("show", "good").stdout
    runlore.ok("logs", "good")
    runlore.ok("verify")


def test_settings_decide_what_is_secret(runlore: Runlore) -> None:
    """A name on `deny` is masked and may not be typed; one on `allow` is neither."""
    (runlore.root / "config.toml").write_text('[redaction]\nallow = ["PUBLIC_TOKEN"]\ndeny = ["HIDDEN_*"]\n')
    env = {"PUBLIC_TOKEN": "everybody-knows", "HIDDEN_PLACE": "nobody-knows"}

    shown = runlore.ok("run", "-q", "sh", "-c", "echo $PUBLIC_TOKEN $HIDDEN_PLACE", env=env).stdout
    assert shown == "everybody-knows [REDACTED]\n"
    runlore.ok("run", "--env", "PUBLIC_TOKEN=everybody-knows", "true")
    assert "looks like a secret" in runlore("run", "--env", "HIDDEN_PLACE=x", "true", code=125).stderr


def test_a_duration_that_is_none_is_told_and_stops_no_recording(runlore: Runlore) -> None:
    """What removes refuses; what records goes on."""
    path = runlore.root / "config.toml"
    path.write_text("[retention]\n\nkeep = '30x'\n")

    assert f"{path}:3: retention.keep: '30x' is not a duration" in runlore("config", "check", code=2).stdout
    runlore.ok("run", "-q", "true")
    assert "30x" in runlore.ok("show", "good", "--json").json["retention"]["reason"]
    path.write_text("[retention]\nkeep = '30d'\n[retention.status]\nfailed = 'forever'\n")
    assert "retention.keep  30d" in runlore.ok("config", "check").stdout
    rules = runlore.ok("config", "check", "--json").json["retention"]
    assert (rules["keep_s"], rules["status"]) == (30 * 86400, {"failed": None})


def test_limits_of_collection(runlore: Runlore) -> None:
    """In effect for the next run and shown; a size that is none is told, and starts no run."""
    path = runlore.root / "config.toml"
    told = runlore.ok("config", "check", "--json").json["artifacts"]
    assert told == {"max_files": 10_000, "max_bytes": 64 << 30}

    path.write_text("[artifacts]\nmax_files = 2\nmax_bytes = '3K'\n")
    assert "artifacts.max_bytes 3K" in runlore.ok("config", "check").stdout
    script = "mkdir out; for each in a b c d; do echo x > out/$each; done; head -c 4000 /dev/zero > out/B"
    runlore.ok("run", "-q", "--artifact", "out", "sh", "-c", script)
    items = runlore.ok("artifacts", "ls", "--json").json["items"]
    assert [(each["path"], each["outcome"], each["files"]) for each in items] == [
        ("out/a", "stored", 1),
        ("out/b", "stored", 1),
        ("", "skipped", 2),
        ("out/B", "oversized", 1),
    ]

    path.write_text("[artifacts]\n\nmax_bytes = 'much'\n")
    for words, code in ((["config", "check"], 2), (["run", "true"], 125), (["run", "-d", "true"], 2)):
        done = runlore(*words, code=code)
        assert f"{path}:3: artifacts.max_bytes: 'much' is not a size" in done.stdout + done.stderr

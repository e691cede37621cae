"""`runlore run`: the command as if it had been started by hand, and everything about it on record."""

import os
import signal
import subprocess

import pytest

from tests.cli.command import Runlore


def test_options_end_at_the_first_word(runlore: Runlore) -> None:
    """`run echo -d --json hi` runs echo with those words; no `--` is needed."""
    done = runlore.ok("run", "echo", "-d", "--json", "hi")

    assert done.stdout == "-d --json hi\n"


def test_a_double_dash_ends_the_options_too(runlore: Runlore) -> None:
    """`run -- echo -- hi` runs echo with `--` and `hi`."""
    assert runlore.ok("run", "--", "echo", "--", "hi").stdout == "-- hi\n"


def test_output_goes_where_the_command_sent_it(runlore: Runlore) -> None:
    """Its stdout is our stdout, byte for byte, its stderr our stderr, with the run's id said once."""
    done = runlore.ok("run", "sh", "-c", r"printf 'a\0\377\n'; printf 'wrong\r' >&2")

    assert done.stdout.encode("utf-8", "surrogateescape") == b"a\0\xff\n"
    (view,) = runlore.ok("ls", "--json").json["items"]
    assert done.stderr == f"run {view['run_id']}\nwrong\r"


def test_quiet_leaves_only_the_output(runlore: Runlore) -> None:
    """With -q nothing of ours stands between the command and its caller."""
    done = runlore("run", "-q", "sh", "-c", "echo out; echo err >&2; exit 9", code=9)

    assert (done.stdout, done.stderr) == ("out\n", "err\n")


@pytest.mark.parametrize(
    ("script", "code", "shown"),
    [
        ("exit 0", 0, "succeeded"),
        ("exit 1", 1, "failed (1)"),
        ("exit 3", 3, "failed (3)"),
        ("exit 124", 124, "failed (124)"),
        ("exit 255", 255, "failed (255)"),
        ("kill -9 $$", 137, "failed (SIGKILL)"),
        ("kill -SEGV $$", 139, "failed (SIGSEGV)"),
        ("kill -40 $$", 168, "failed (signal 40)"),
    ],
)
def test_the_exit_code_is_the_commands(runlore: Runlore, script: str, code: int, shown: str) -> None:
    """What the command says of itself is what the caller sees; 128+n for signal n."""
    done = runlore("run", "sh", "-c", script, code=code)

    assert (f"{shown}; see `runlore show " in done.stderr) is bool(code)


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["no-such-command-anywhere"], 127, "No such file or directory"),
        (["/no/such/file"], 127, "No such file or directory"),
        (["/etc/passwd"], 126, "Permission denied"),
        (["/etc"], 126, "Permission denied"),
        (["--cwd", "/no/such/folder", "true"], 125, "/no/such/folder: No such file or directory"),
        ([""], 127, "No such file or directory"),
    ],
    ids=str,
)
def test_a_command_that_cannot_be_started_says_why(
    runlore: Runlore, words: list[str], code: int, reason: str
) -> None:
    """126 and 127 as in a shell, 125 where the fault is in what we were told; the run stays on record."""
    done = runlore("run", *words, code=code)

    assert "error: " in done.stderr
    assert reason in done.stderr
    (view,) = runlore.ok("ls", "--json").json["items"]
    assert (view["status"], view["reason"]["code"]) == ("failed", "spawn_failed")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--bogus", "ls"],
        ["--timeout", "5 parsecs", "ls"],
        ["--timeout", "0", "ls"],
        ["--timeout", "-1s", "ls"],
        ["--timeout", "1e400s", "ls"],
        ["--name", "latest", "ls"],
        ["--name", "", "ls"],
        ["--tag", "=x", "ls"],
        ["--tag", "a=1", "--tag", "a=2", "ls"],
        ["--metadata", "[1]", "ls"],
        ["--metadata", "{", "ls"],
        ["--env", "NOEQUALS", "ls"],
        ["--env", "=x", "ls"],
        ["--env-file", "/no/such/file", "ls"],
        ["--cwd", "", "ls"],
        ["--key", "", "ls"],
        ["--timeout"],
        ["--fields", "a,,b", "ls"],
        ["--color", "purple", "ls"],
        ["--root", "", "ls"],
    ],
    ids=" ".join,
)
def test_what_is_wrong_with_the_request_is_125_and_makes_no_run(runlore: Runlore, words: list[str]) -> None:
    """A foreground run keeps every code below 125 for its command, usage errors included."""
    done = runlore("run", *words, code=125)

    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not (runlore.root / "journals").exists()


def test_a_timeout_is_124(runlore: Runlore) -> None:
    """`--timeout` ends the command's whole tree, and says so."""
    done = runlore("run", "--timeout", "0.2", "sh", "-c", "sleep 60 & wait", code=124)

    assert "timed out" in done.stderr
    assert runlore.ok("show", "--fields", "status,reason.code").stdout == "timed_out\ttimeout\n"


def test_silence_that_lasts_too_long_is_124_too(runlore: Runlore) -> None:
    """`--idle-timeout` tells itself apart from `--timeout` by its reason, and both by the same code."""
    done = runlore("run", "--idle-timeout", "200ms", "sleep", "60", code=124)

    assert "timed out" in done.stderr
    assert runlore.ok("show", "--fields", "status,reason.code").stdout == "timed_out\tidle_timeout\n"
    assert "--idle-timeout 0.2s" in runlore.ok("show", "--json").json["rerun"]
    plan = runlore.ok("run", "--dry-run", "--idle-timeout", "5m", "true")
    assert "at most 5m" in plan.stdout


def test_a_limit_of_output(runlore: Runlore) -> None:
    """The command is not disturbed; beginning and end are kept, and what is missing is said everywhere."""
    run_id = runlore.begin("--output-limit", "100", "seq", "200000")
    runlore.ok("wait", run_id)
    view = runlore.ok("show", run_id, "--json").json
    logs = runlore.ok("logs", run_id)
    raw = runlore.ok("logs", "--raw", run_id)

    assert view["status"] == "succeeded"
    assert view["transcript"]["bytes"] == 100
    assert view["transcript"]["dropped"] == 1_288_895 - 100
    assert logs.lines[:2] == ["1", "2"]
    assert logs.lines[-1] == "200000"
    assert "[1,288,795 bytes of stdout are missing here]" in logs.lines
    assert "1,288,795 bytes of stdout are missing here" in raw.stderr
    assert len(raw.stdout) == 100
    assert runlore.ok("logs", "-n", "2", run_id).lines == ["199999", "200000"]
    assert "not kept" in runlore.ok("show", run_id).stdout
    assert "--output-limit 100 " in view["rerun"]


def test_what_a_run_used_is_shown(runlore: Runlore) -> None:
    """Time and memory of the command and its children, to people and to programs."""
    run_id = runlore.begin("sh", "-c", "head -c 50000000 /dev/zero | tail -c 40000000 >/dev/null")
    runlore.ok("wait", run_id)
    used = runlore.ok("show", run_id, "--json").json["resources"]

    assert used["cpu_s"] > 0
    assert used["max_rss_bytes"] > 40_000_000
    assert " of CPU, " in runlore.ok("show", run_id).stdout


def test_standard_input_is_empty_unless_asked_for(runlore: Runlore) -> None:
    """Without -i a command that reads finds the end at once; with it, it reads ours."""
    assert runlore.ok("run", "cat", stdin=b"typed").stdout == ""
    assert runlore.ok("run", "-i", "cat", stdin=b"typed").stdout == "typed"


def test_typed_variables_win_over_files_and_both_over_what_is_inherited(runlore: Runlore) -> None:
    """`--env` beats `--env-file`, a later file an earlier one; the rest is inherited."""
    first, second = runlore.home / "first.env", runlore.home / "second.env"
    first.write_text("# comment\n\nA=file1\nB=file1\nC= spaced \n")
    second.write_text("B=file2=x\r\n")
    script = 'echo "$A|$B|$C|$D"'
    words = ["--env-file", str(first), "--env-file", str(second), "--env", "A=typed"]

    done = runlore.ok("run", *words, "sh", "-c", script, env={"A": "inherited", "D": "inherited"})

    assert done.stdout == "typed|file2=x| spaced |inherited\n"


def test_a_line_of_an_env_file_that_is_none_is_named(runlore: Runlore) -> None:
    """The message tells file and line."""
    path = runlore.home / "bad.env"
    path.write_text("A=1\nsome nonsense\n")

    assert f"{path}:2: this is not" in runlore("run", "--env-file", str(path), "ls", code=125).stderr


def test_inherited_values_never_reach_the_journal(runlore: Runlore) -> None:
    """Only what was typed is recorded."""
    runlore.ok("run", "--env", "TYPED=on-record", "true", env={"INHERITED": "never-on-record"})

    kept = b"".join(path.read_bytes() for path in runlore.root.rglob("*") if path.is_file())
    assert b"on-record" in kept
    assert b"never-on-record" not in kept


@pytest.mark.parametrize("given", ["", "LC_CTYPE=C", "LC_CTYPE=C.UTF-8", "A=b"])
def test_the_command_sees_the_callers_environment_and_our_three_variables(
    runlore: Runlore, given: str
) -> None:
    """Nothing else is added, not even the locale that our interpreter sets for itself."""
    done = runlore.shell(f'env -i {given} "$RUNLORE" --root "$RUNLORE_ROOT" run -q env')

    ours = {"RUNLORE_RUN_ID", "RUNLORE_ROOT", "RUNLORE_OUTPUTS"}
    assert [line for line in done.lines if line.partition("=")[0] not in ours] == given.split()
    assert {line.partition("=")[0] for line in done.lines} >= ours


def test_the_command_starts_in_the_callers_folder(runlore: Runlore) -> None:
    """Here, or where --cwd says; a relative --cwd counts from here."""
    inside = runlore.home / "inside"
    inside.mkdir()

    assert runlore.ok("run", "pwd").stdout == f"{runlore.home}\n"
    assert runlore.ok("run", "--cwd", "inside", "pwd").stdout == f"{inside}\n"
    assert runlore.ok("run", "--cwd", ".", "pwd", cwd=inside).stdout == f"{inside}\n"


def test_labels_are_on_record(runlore: Runlore) -> None:
    """Name, tags, metadata and key are those that were typed."""
    words = ["--name", "nightly", "--tag", "env=prod", "--tag", "kept", "--metadata", '{"step": [1, null]}']
    runlore.ok("run", *words, "--key", "k-1", "true")

    view = runlore.ok("show", "nightly", "--json").json
    assert view["tags"] == {"env": "prod", "kept": ""}
    assert view["metadata"] == {"step": [1, None]}
    assert view["key"] == "k-1"


def test_the_same_key_gives_the_first_run_again(runlore: Runlore) -> None:
    """The command is not run twice: its output and exit code come from the first time."""
    words = ["run", "--key", "once", "sh", "-c", "echo x >> made; echo out; exit 4"]
    first = runlore(*words, code=4)
    second = runlore(*words, code=4)

    assert (runlore.home / "made").read_text() == "x\n"
    assert second.stdout == first.stdout == "out\n"
    assert "was submitted before with key once; nothing was started" in second.stderr


def test_the_same_key_with_another_command_is_refused(runlore: Runlore) -> None:
    """Idempotency means the same request: 125 in the foreground, 5 with -d."""
    runlore.ok("run", "--key", "once", "true")

    assert "key:once" in runlore("run", "--key", "once", "false", code=125).stderr
    assert "key:once" in runlore("run", "-d", "--key", "once", "false", code=5).stderr


def test_a_dry_run_shows_and_creates_nothing(runlore: Runlore) -> None:
    """`--dry-run` tells what would go on record, secrets taken out, and leaves no trace."""
    words = [
        "run",
        "--dry-run",
        "--name",
        "x",
        "--env",
        "A=b",
        "--timeout",
        "90",
        "--tag",
        "password=s3cr3t-value",
        "--metadata",
        '{"api": {"api_key": "s3cr3t-value", "kept": 1}}',
        "curl",
        "--token",
        "s3cr3t-value",
    ]
    shown = runlore.ok(*words)
    view = runlore.ok(*words[:1], "--json", *words[1:]).json

    assert "1m30s" in shown.stdout
    assert "s3cr3t-value" not in shown.stdout + str(view)
    assert (view["schema"], view["name"], view["timeout_s"]) == ("runlore.spec/1", "x", 90.0)
    assert view["tags"] == {"password": "[REDACTED]"}
    assert view["metadata"]["api"]["kept"] == 1
    assert list(runlore.root.iterdir()) == []


def test_json_answers_with_the_run_at_its_end(runlore: Runlore) -> None:
    """In the foreground stdout holds one object, and what the command wrote goes to stderr."""
    done = runlore("run", "--json", "sh", "-c", "echo out; exit 3", code=3)

    assert (done.json["schema"], done.json["status"], done.json["exit_code"]) == (
        "runlore.run/1",
        "failed",
        3,
    )
    assert "out\n" in done.stderr
    picked = runlore("run", "--fields", "status,exit_code", "sh", "-c", "echo out; exit 3", code=3)
    assert picked.stdout == "failed\t3\n"
    assert "out\n" in picked.stderr


def test_the_terminals_signals_do_not_reach_the_command(runlore: Runlore) -> None:
    """The command has a session of its own: closing a terminal cannot touch it."""
    with runlore.started("run", "sh", "-c", "echo ready; exec sleep 60", start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    runlore.until_shown("status,health", "running\tlive\n")


@pytest.mark.parametrize(
    ("number", "shell_code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, -signal.SIGTERM)], ids=str
)
def test_a_signal_to_the_foreground_asks_the_run_to_stop(
    runlore: Runlore, number: signal.Signals, shell_code: int
) -> None:
    """As with docker's signal proxy; we end by the same signal, so that a shell's loop ends as well."""
    with runlore.started("run", "sh", "-c", "echo ready; exec sleep 60") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        _, errors = process.communicate()

    assert process.returncode == shell_code
    assert b"stopping run " in errors
    view = runlore.ok("show", "--json").json
    assert (view["status"], view["signal"], view["stop"]["force"]) == ("cancelled", 15, False)


def test_a_second_ctrl_c_kills(runlore: Runlore) -> None:
    """A command that ignores TERM need not be waited for."""
    script = "trap 'echo asked' TERM; echo ready; while :; do sleep 0.05; done"
    with runlore.started("run", "sh", "-c", script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == b"asked\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()

    assert process.returncode == -signal.SIGINT
    assert b"killing run " in errors
    assert runlore.ok("show", "--fields", "status,signal").stdout == "cancelled\t9\n"


def test_a_third_ctrl_c_leaves_the_run_alone(runlore: Runlore) -> None:
    """Whatever holds the run up, a person gets the prompt back."""
    with runlore.started("run", "sh", "-c", "echo ready; sleep 60") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"ready\n"
        keeper = int(runlore.ok("show", "--fields", "owner.pid").stdout)
        os.kill(keeper, signal.SIGSTOP)
        process.stderr.readline()
        said = []
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            said.append(process.stderr.readline().split()[0])
        os.kill(keeper, signal.SIGCONT)
        process.wait()

    assert said == [b"stopping", b"killing", b"left"]
    assert process.returncode == -signal.SIGINT


def test_a_command_that_ends_well_when_interrupted_has_succeeded(runlore: Runlore) -> None:
    """A success that came before the stop could act is a success, and its exit code is ours."""
    script = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    with runlore.started("run", "sh", "-c", script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        process.communicate()

    status = runlore.ok("show", "--fields", "status").stdout.strip()
    assert (status, process.returncode) in {("cancelled", -signal.SIGINT), ("succeeded", 0)}


def test_a_hang_up_ends_only_the_following(runlore: Runlore) -> None:
    """Whoever closes the terminal does not stop the run."""
    with runlore.started("run", "sh", "-c", "echo ready; exec sleep 60") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGHUP)
        _, errors = process.communicate()

    assert process.returncode == -signal.SIGHUP
    assert b"goes on" in errors
    runlore.until_shown("status,health", "running\tlive\n")


def test_an_ignored_hang_up_stays_ignored(runlore: Runlore) -> None:
    """Under nohup the following goes on."""
    line = (
        "trap '' HUP; \"$RUNLORE\" run -q sh -c 'kill -HUP \"$1\"; sleep 0.2; echo still here' - $$ & wait $!"
    )
    assert runlore.shell(line).stdout == "still here\n"


def test_killing_the_command_line_changes_nothing(runlore: Runlore) -> None:
    """SIGKILL right after the id is printed: the run ends as it would have."""
    with runlore.started("run", "sh", "-c", "sleep 0.3; echo done") as process:
        assert process.stderr is not None
        run_id = process.stderr.readline().split()[1].decode()
        process.kill()
        process.wait()

    assert runlore.ok("wait", run_id).stdout.split()[1] == "succeeded"
    assert runlore.ok("logs", run_id).stdout == "done\n"


def test_interrupted_right_at_the_start_no_run_is_left_alone(runlore: Runlore) -> None:
    """Ctrl-C before the id is printed either makes no run, or stops the one it made."""
    for _ in range(10):
        with runlore.started("run", "sleep", "60", stdout=subprocess.DEVNULL) as process:
            process.send_signal(signal.SIGINT)
            process.communicate()

    runlore.until(lambda: not runlore("ps", "-q", "--status", "running,booting,queued").stdout)


def test_a_gigantic_output_passes_whole(runlore: Runlore) -> None:
    """Nothing is lost or reordered on the way: 64 MiB arrive as they were written."""
    line = '"$RUNLORE" run -q sh -c "head -c 67108864 /dev/zero | tr \'\\0\' x" | cksum'
    expected = "head -c 67108864 /dev/zero | tr '\\0' x | cksum"

    assert runlore.shell(line).stdout == runlore.shell(expected).stdout


def test_output_keeps_its_order_within_a_stream(runlore: Runlore) -> None:
    """Lines come as they were written."""
    done = runlore.ok("run", "-q", "seq", "20000")

    assert done.stdout == "".join(f"{n}\n" for n in range(1, 20001))


def test_a_command_that_closes_its_output_goes_on(runlore: Runlore) -> None:
    """`exec 1>&-` is the command's own business."""
    assert runlore("run", "sh", "-c", "exec 1>&- 2>&-; sleep 0.05; exit 6", code=6).stdout == ""


def test_what_a_daemon_leaves_behind_is_not_waited_for(runlore: Runlore) -> None:
    """The run ends with the command, though a child of it holds the output open."""
    done = runlore.ok("run", "-q", "sh", "-c", "sleep 60 & echo started")

    assert done.stdout == "started\n"


def test_a_run_inside_a_run_names_its_parent(runlore: Runlore) -> None:
    """Lineage is recorded without anybody asking for it."""
    runlore.ok(
        "run",
        "--name",
        "outer",
        "sh",
        "-c",
        f"'{os.environ.get('RUNLORE_COMMAND') or 'runlore'}' run --name inner true",
    )

    inner, outer = (runlore.ok("show", name, "--json").json for name in ("inner", "outer"))
    assert inner["parent"] == outer["run_id"]

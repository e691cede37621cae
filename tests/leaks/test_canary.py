"""Canaries: secrets that go wherever a run can take them, and are looked for wherever anything comes out.

What is searched is every file under the root, and every byte that any command of ours said.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.leaks.encoders import SECRETS, forms, leaks
from tests.leaks.registry_of_leaks import Observed
from tests.proof import SIZE, record

KINDS: Final = tuple(SECRETS) if SIZE == "full" else ("quotes", "lines")
"""The two that our own escapes and lines are most likely to hide; all of them at full size."""

HERE = Path(__file__).parent
PRINTING = str(HERE / "printing.py")
WORDS = "no-such-command"


def one_line(secret: str) -> str:
    """The secret as it may stand in a label."""
    return " ".join(secret.split())


def canaries(observed: Observed, secret: str) -> tuple[dict[str, str], list[str]]:
    """Each way to give a secret, all at once: variables to export, and options of `run`."""
    (observed.home / "canary.txt").write_text(f"{secret}\n")
    env = {"CANARY_TOKEN": secret, "CANARY_NAMED": secret}
    return env, ["--secret", "CANARY_NAMED", "--secret-file", "CANARY_FILE=canary.txt"]


def test_the_search_finds_what_is_there(observed: Observed) -> None:
    """A proof that finds nothing has to be able to: each form of each secret is found where it lies."""
    for secret in SECRETS.values():
        for name, form in forms(secret).items():
            assert leaks(b"before " + form + b" after", [secret]), name
    observed.ok("run", "-q", "printf", "%s", SECRETS["plain"])
    assert any("transcript" in place for place in observed.found())
    assert any("journals/" in place for place in observed.found())


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_command_prints(observed: Observed, kind: str, sized: Callable[[int, int], int]) -> None:
    """In every form, cut at every byte, and at two: none of it is stored or shown."""
    secret = SECRETS[kind]
    (observed.home / "canary.txt").write_text(secret)
    env = {"CANARIES": "CANARY", "STEP": "1", "PAIRS": str(sized(5, 500))}
    words = ["--secret-file", "CANARY=canary.txt", sys.executable, "-S", PRINTING]

    done = observed.ok("run", *words, env=env, timeout=sized(600, 3000))

    observed.look_at_everything()
    assert observed.found([secret]) == []
    assert done.stdout.endswith("end\n")
    cuts = sum(len(form) - 1 for form in set(forms(secret).values()))
    assert done.stdout.count("\ncut <[REDACTED]") + done.stdout.count("\ncut <") >= cuts
    record(
        f"secrets cut anywhere: {kind}",
        "no form of a registered value gets into a file or an answer, wherever the output is cut",
        {"forms": len(set(forms(secret).values())), "cuts": cuts},
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
def test_wherever_a_command_line_takes_it(observed: Observed, kind: str) -> None:
    """Arguments, folders, labels, reasons, errors, dry runs, limits, failures: 0 traces."""
    secret, label = SECRETS[kind], one_line(SECRETS[kind])
    env, given = canaries(observed, secret)
    env |= {"LABEL_TOKEN": label}
    script = 'echo "$CANARY_TOKEN $CANARY_NAMED $CANARY_FILE"; echo "$CANARY_FILE" >&2'

    def run(*words: str) -> None:
        observed("run", *given, *words, env=env)

    run("sh", "-c", script, secret)
    run("-d", "sh", "-c", script, "x", f"--password={secret}")
    run(
        "--name",
        f"n {label}"[:200],
        "--tag",
        f"a={label}",
        "--metadata",
        json.dumps({secret: [secret]}),
        "true",
    )
    run("--env", f"SEEN={secret}", "--cwd", "/", "true")
    run(f"/{WORDS}/{secret}")
    run("--cwd", f"/{WORDS}/{secret}", "true")
    run("--secret-file", f"OTHER=/{WORDS}/{secret}", "true")
    run("--timeout", "0.2", "sh", "-c", f"{script}; sleep 60", secret)
    run("--output-limit", "64", "sh", "-c", f"for i in 1 2 3 4 5 6; do {script}; done")
    run("--dry-run", "--metadata", json.dumps([secret]), "true")
    run("--dry-run", "--tag", f"a={label}", "echo", secret)
    run("--key", label, "true")
    run("--tag", f"{label.split()[0]}{label}=x".replace(" ", ""), "true")
    run("--timeout", secret, "true")
    run("--metadata", secret, "true")
    run("--no-such-option", secret, "true")
    run("--fields", secret, "true")
    for words in (["show", secret], ["logs", label], ["wait", secret, "--timeout", secret], [secret]):
        observed(*words, env=env)
    started = observed.ok("run", "-d", *given, "sleep", "60", env=env).stdout.strip()
    for words in (
        ["tag", started, f"b={label}"],
        ["tag", started, f"{label}=b"],
        ["note", started, secret],
        ["rename", started, f"r {label}"[:200]],
        ["pause", started, "--reason", secret],
        ["unpause", started, "--reason", secret],
        ["stop", started, "--reason", secret, "--grace", secret],
        ["stop", started, "--reason", secret, "--force"],
    ):
        observed(*words, env=env)
    observed("wait", started)

    observed.look_at_everything()
    assert observed.found([secret, label]) == []
    record(
        f"secrets on the command line: {kind}",
        "no file under the root and no answer holds a trace",
        {"commands": len(observed.said), "runs": len(observed.runs())},
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_said_from_inside(observed: Observed, kind: str) -> None:
    """`emit` of every kind, and a holder's messages: the names in RUNLORE_REDACT are enough."""
    secret = SECRETS[kind]
    (observed.home / "canary.txt").write_text(secret)
    for words in (
        'progress 0.5 "$C" --step "$C" --metric "$C=1"',
        'progress "$C"',
        'note "$C"',
        'checkpoint "$C" "/x/$C"',
        'preview available "http://h/$C" --detail "$C"',
        'preview "$C"',
        '"$C"',
        'result "$(python3 -c \'import json,os; print(json.dumps({os.environ["C"]: [os.environ["C"]]}))\')"',
    ):
        observed("run", "--secret-file", "C=canary.txt", "sh", "-c", f"runlore emit {words}; true")
    messages = [
        {"type": "begin", "name": one_line(secret)[:60], "argv": ["x", secret], "cwd": f"/x/{secret}"},
        {"type": "progress", "fraction": 0.5, "message": secret, "step": secret, "metrics": {secret: 1}},
        {"type": "note", "text": secret},
        {"type": "result", "result": {secret: secret}},
        {"type": "checkpoint", "name": secret, "path": secret},
        {"type": secret},
        {"type": "preview", "state": secret},
        {"type": "finish", "status": "failed", "reason": secret},
    ]
    lines = "".join(json.dumps(message) + "\n" for message in messages)
    env = {"MY_SECRET": secret, "LABEL_TOKEN": one_line(secret)}
    observed("hold", stdin=lines.encode(), env=env)
    observed("hold", stdin=json.dumps({"type": "begin", "cwd": secret}).encode(), env=env)

    observed.look_at_everything()
    assert observed.found([secret]) == []
    record(
        f"secrets said from inside: {kind}",
        "no event of a workload's holds a trace",
        {"commands": len(observed.said), "runs": len(observed.runs())},
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_python_program_does(observed: Observed, kind: str) -> None:
    """Submitted, tracked, raised, labelled, stopped: 0 traces."""
    env = observed.environment(CANARY_TOKEN=SECRETS[kind], LABEL_TOKEN=one_line(SECRETS[kind]))
    words = [sys.executable, str(HERE / "python_workload.py"), str(observed.root)]
    done = subprocess.run(words, env=env, check=False, capture_output=True, cwd=observed.home)

    assert done.returncode == 0, done.stderr.decode()
    observed.look_at_everything()
    assert observed.found([SECRETS[kind], one_line(SECRETS[kind])]) == []
    record(
        f"secrets in a Python program: {kind}",
        "no file under the root and no answer holds a trace",
        {"runs": len(observed.runs())},
    )


@pytest.mark.timeout(120)
@pytest.mark.parametrize("place", ["cmdline", "environ"])
def test_our_own_processes_show_nothing(observed: Observed, place: str) -> None:
    """A keeper and a wrapper live long; what the kernel shows of them holds no trace."""
    secret = SECRETS["plain"]
    command = ["sh", "-c", "sleep 60; :", "sh", secret]
    observed.ok("run", "-d", "--secret", "MINE", *command, env={"MINE": secret})
    found = observed.our_processes()

    assert len(found) == 2
    for process in found:
        assert leaks((process / place).read_bytes(), [secret]) == []
    assert os.getpid() not in {int(process.name) for process in found}

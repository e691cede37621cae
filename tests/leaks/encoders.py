"""The forms in which a secret may be printed, made without any code of ours, and the search for them."""

import base64
import json
import shlex
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Final

SHORTEST: Final = 6
"""Fewer bytes in a row than that are no trace: ordinary text has them."""

SECRETS: Final[Mapping[str, str]] = {
    "plain": "hunter2-correct-Horse-battery",
    "unicode": "pässwörd-☕-日本語-geheim",
    "quotes": 'it\'s "so" \\secret\\ $HOME `x` & 100% <b>',
    "lines": "first line of a key/+=\nsecond line of the key\n\tthird line, indented",
}
"""By what is nasty about them."""


def forms(secret: str) -> dict[str, bytes]:
    """Return a secret in each form that has to be found, by the form's name."""
    raw = secret.encode()
    return {
        "plain": raw,
        **{f"base64, {shift} before": base64.b64encode(b"." * shift + raw) for shift in range(3)},
        **{f"base64url, {shift} before": base64.urlsafe_b64encode(b"." * shift + raw) for shift in range(3)},
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "percent": urllib.parse.quote(secret, safe="").encode(),
        "form": urllib.parse.quote_plus(secret).encode(),
        "JSON": json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
        "JSON, ASCII": json.dumps(secret)[1:-1].encode(),
        "shell": shlex.quote(secret).encode(),
    }


def traces(secret: str) -> dict[str, bytes]:
    """Return what of each form proves a leak: without what surroundings decide, and line by line."""
    found: dict[str, bytes] = {}
    for name, form in forms(secret).items():
        core = form
        if name.startswith("base64"):  # the first and last characters also hold what stands beside it
            core = form[4 * (int(name.split(", ")[1][0]) > 0) :].rstrip(b"=")[:-1]
        elif name == "shell":
            core = form.strip(b"'")
        for number, line in enumerate(core.split(b"\n")):
            if len(line.strip()) >= SHORTEST:
                found[f"{name}, line {number}"] = line.strip()
    return found


def leaks(data: bytes, secrets: Iterable[str]) -> list[str]:
    """Return which secrets stand in the data, and in which form."""
    return [
        f"{secret[:4]}… as {name}"
        for secret in secrets
        for name, trace in traces(secret).items()
        if trace in data
    ]

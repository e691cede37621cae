"""Corpus P, the paths: each has its verdict, and nothing is decoded on the way to it."""

import pytest

from runlore.projections.artifact_paths import LONGEST, folded, refusal
from runlore.projections.globs import DEEPEST

REFUSED = {
    "77": "../../etc/passwd",
    "78": "/etc/passwd",
    "79": "//etc/passwd",
    "80": "a/../../b",
    "83": "..%5c\\x",
    "85": "a\0b",
    "86 file": "file:///etc/passwd",
    "86 share": "\\\\host\\share",
    "86 drive": "C:\\x",
    "86 drive without a slash": "c:x",
    "87": "#/../",
    "89": "..",
    "a URL": "http://host/x",
    "empty": "",
    "a dot": "a/./b",
    "two slashes": "a//b",
    "a slash at the end": "a/",
    "no UTF-8": "a\udcff",
    "long": "x/" * (LONGEST // 2) + "x",
    "a long name": "x" * 256,
    "deep": "x/" * DEEPEST + "x",
}
PLAIN = {
    "81": "%2e%2e%2fx",
    "82": "%252e%252e%252f",
    "83": "..%5c",
    "84": "..;/x",
    "85": "%00",
    "87": "?x=..",
    "88": "runs-evil/x",
    "94": "a.css.gz",
    "dots": "...",
    "hidden": ".env",
    "a colon": "12:30.log",
    "letters": "ä/\u202e/😀",
    "a line feed": "a\nb",
    "a long name": "x" * 255,
}


@pytest.mark.parametrize("path", REFUSED.values(), ids=REFUSED)
def test_a_path_that_is_refused(path: str) -> None:
    """It means something else to somebody: another folder, another system, nothing at all."""
    assert refusal(path)


@pytest.mark.parametrize("path", PLAIN.values(), ids=PLAIN)
def test_a_path_that_only_looks_odd(path: str) -> None:
    """Nothing decodes it, so it is the name of a file like any other."""
    assert refusal(path) == ""


def test_what_differs_in_case_only() -> None:
    """Such paths are one file on many systems; those that merely look alike are not."""
    assert folded("Out/STRASSE") == folded("out/straße")
    assert folded("a") != folded("а")  # noqa: RUF001 - the second one is Cyrillic

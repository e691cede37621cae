"""What kind of content a file has: by its name, else by its first bytes. Pure."""

from typing import Final

BINARY: Final = "application/octet-stream"
_TEXT: Final = "text/plain"
_KNOWN: Final = {
    "jsonl": "application/x-ndjson",
    "ndjson": "application/x-ndjson",
    "log": _TEXT,
    "md": "text/markdown",
    "parquet": "application/vnd.apache.parquet",
    "toml": "application/toml",
    "wasm": "application/wasm",
    "yaml": "application/yaml",
    "yml": "application/yaml",
}
"""Endings that the standard library does not know, or not in every release."""


def media_type(path: str, beginning: bytes) -> str:
    """Return the media type; a name that tells nothing is text if its beginning is."""
    ending = path.rpartition("/")[2].rpartition(".")[2].lower()
    if known := _KNOWN.get(ending):
        return known
    from mimetypes import guess_type  # noqa: PLC0415 - only where something is collected

    found, encoding = guess_type(path.rpartition("/")[2].replace(":", "_"))
    if encoding is not None:
        return f"application/{encoding}"
    return found or (_TEXT if is_text(beginning) else BINARY)


def is_text(beginning: bytes) -> bool:
    """Say whether a file that begins so is text: UTF-8, with nothing in it that no text holds."""
    if b"\0" in beginning:
        return False
    try:
        beginning.decode("utf-8")
    except UnicodeDecodeError as error:  # the cut may go through a character
        return error.reason == "unexpected end of data" and error.start >= len(beginning) - 3
    return True

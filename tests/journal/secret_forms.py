"""Nasty values, and what other programs make of them: encoders that share no code with ours."""

import base64
import html
import json
import shutil
import struct
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Final
from xml.sax import saxutils

KEY: Final = (
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n"
    "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu\n"
    "NMoSfm76oqFvAp8Gy0iz5sxjZmSnXyCdPEovGhLa0VzMaQ8s+CLOyS56YyCFGeJZ\n"
    "qgtzJ6GR3eqoYSW9b9UMvkBpZODSctWSNGj3P7jRFDO5VoTwCQAWbFnOjDfH5Ulg\n"
    "-----END PRIVATE KEY-----\n"
)
VALUES: Final[dict[str, bytes]] = {
    "word": b"Tr0ub4dor&3",
    "token": b"ghx-9f8A7b6C5d4E3f2A1b0C",
    "quotes": b'it\'s "quoted" \\ and `run`',
    "lines": b"fjord-bank 1\nglyph vext 2\tX\nlast",
    "unicode": "pässwörd-€-\U0001f511-ключ".encode(),
    "signs": b"a=b%c&d+e/f?g#h<i>j;k:l@m!n",
    "blanks": b"correct horse  battery staple",
    "mark": b"hunter2[",
    "bracket": b"]hunter2",
    "url": b"postgres://app:s3cr3t%21@db.internal:5432/app?sslmode=require",
    "binary": bytes(range(0x80, 0xA0)) + b"\x00\x01\xfe\xff",
    "key": KEY.encode(),
}
Encoder = Callable[[bytes], bytes]


def _text(encode: Callable[[str], str]) -> Encoder:
    return lambda value: encode(value.decode()).encode()


def _wrapped(width: int, end: str) -> Encoder:
    def encode(value: bytes) -> bytes:
        text = base64.b64encode(b"user:" + value).decode()
        return end.join(text[at : at + width] for at in range(0, len(text), width)).encode()

    return encode


def _tool(*argv: str) -> Encoder:
    return lambda value: subprocess.run(argv, input=value, capture_output=True, check=True).stdout


def _bash(value: bytes) -> bytes:
    script = 'IFS= read -r -d "" v; printf %q "$v"'
    return subprocess.run(["bash", "-c", script], input=value + b"\0", capture_output=True, check=True).stdout


def _xtrace(value: bytes) -> bytes:
    script = 'IFS= read -r -d "" v; set -x; : "$v"'
    return subprocess.run(["bash", "-c", script], input=value + b"\0", capture_output=True, check=True).stderr


ANY: Final[dict[str, Encoder]] = {
    "plain": bytes,
    "base64": base64.b64encode,
    "base64 at 1": lambda value: base64.b64encode(b"x" + value + b"y"),
    "base64 at 2": lambda value: base64.b64encode(b"xy" + value + b"z"),
    "base64 url-safe": lambda value: base64.urlsafe_b64encode(b"?" + value + b"~"),
    "base64 trimmed": lambda value: base64.b64encode(value).rstrip(b"="),
    "base64 lines": lambda value: base64.encodebytes(b"some text before it " + value + value),
    "base64 -w76": _tool("base64", "-w76"),
    "base64 -w7": _tool("base64", "-w7"),
    "base64 wrapped at 2": _wrapped(2, "\n"),
    "base64 wrapped at 19, CRLF": _wrapped(19, "\r\n"),
    "base64 wrapped, indented": _wrapped(33, "\n    "),
    "hex": lambda value: value.hex().encode(),
    "HEX": lambda value: value.hex().upper().encode(),
    "hex with colons": lambda value: value.hex(":").encode(),
    "hex with blanks": lambda value: value.hex(" ").encode(),
    "od": lambda value: (
        subprocess.run(["od", "-An", "-v", "-tx1"], input=value, capture_output=True, check=True).stdout
    ),
    "quote": lambda value: urllib.parse.quote_from_bytes(value).encode(),
    "quote all": lambda value: urllib.parse.quote_from_bytes(value, safe="").encode(),
    "quote_plus": lambda value: urllib.parse.quote_plus(value).encode(),
    "encodeURIComponent": lambda value: urllib.parse.quote_from_bytes(value, safe="!~*'()").encode(),
    "encodeURI": lambda value: urllib.parse.quote_from_bytes(value, safe="!~*'();,/?:@&=+$#").encode(),
    "repr of bytes": lambda value: repr(value).encode(),
    "bytes as numbers": lambda value: repr(list(value)).encode(),
    "Go's numbers": lambda value: repr(list(value)).replace(",", "").encode(),
    "octal": lambda value: "".join(f"\\{byte:03o}" for byte in value).encode(),
    "C hex": lambda value: "".join(f"\\x{byte:02x}" for byte in value).encode(),
}
"""Encoders of any value."""
TEXT: Final[dict[str, Encoder]] = {
    "json": _text(json.dumps),
    "json, UTF-8": _text(lambda text: json.dumps(text, ensure_ascii=False)),
    "json in json": _text(lambda text: json.dumps(json.dumps({"v": text}))),
    "json of Go": _text(
        lambda text: (
            json.dumps(text, ensure_ascii=False)
            .replace("<", "\\u003c")
            .replace(">", "\\u003e")
            .replace("&", "\\u0026")
        )
    ),
    "json of PHP": _text(lambda text: json.dumps(text).replace("/", "\\/")),
    "json, every character": lambda value: "".join(
        f"\\u{unit:04X}" for (unit,) in struct.iter_unpack(">H", value.decode().encode("utf-16-be"))
    ).encode(),
    "CRLF": _text(lambda text: text.replace("\n", "\r\n")),
    "repr": _text(repr),
    "ascii": _text(ascii),
    "python -c": _tool(sys.executable, "-c", "import sys; print(repr(sys.stdin.buffer.read().decode()))"),
    "html.escape": _text(html.escape),
    "html.escape, no quotes": _text(lambda text: html.escape(text, quote=False)),
    "xml": _text(saxutils.escape),
    "xml attribute": _text(saxutils.quoteattr),
    "xml, ASCII": _text(lambda text: saxutils.escape(text).encode("ascii", "xmlcharrefreplace").decode()),
    "html decimal": _text(lambda text: "".join(f"&#{ord(sign)};" for sign in text)),
    "html hex": _text(lambda text: "".join(f"&#x{ord(sign):X};" for sign in text)),
    "shlex": _text(lambda text: "'" + text.replace("'", "'\"'\"'") + "'"),
    "shell": _text(lambda text: "'" + text.replace("'", "'\\''") + "'"),
    "printf %q": _bash,
    "set -x": _xtrace,
    "utf-16-le": lambda value: value.decode().encode("utf-16-le"),
    "utf-16-be": lambda value: value.decode().encode("utf-16-be"),
    "sql": _text(lambda text: "'" + text.replace("'", "''") + "'"),
    "csv": _text(lambda text: '"' + text.replace('"', '""') + '"'),
}
"""Encoders of values that are text."""
TOOLS: Final[dict[str, tuple[str, ...]]] = {
    "jq": ("jq", "-Rs", "."),
    "jq -a": ("jq", "-Rsa", "."),
    "jq @sh": ("jq", "-Rs", "@sh"),
    "jq @html": ("jq", "-Rsr", "@html"),
    "jq @uri": ("jq", "-Rsr", "@uri"),
    "jq @base64": ("jq", "-Rsr", "@base64"),
    "xxd -p": ("xxd", "-p"),
    "node": ("node", "-e", "process.stdout.write(JSON.stringify(require('fs').readFileSync(0, 'utf8')))"),
    "perl": ("perl", "-MMIME::Base64", "-0777", "-ne", "print encode_base64($_)"),
}
"""Encoders that a machine may lack."""


def encoded(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield each encoder's name and what it makes of the value of this name."""
    value = VALUES[name]
    for encoder, encode in ANY.items():
        yield encoder, encode(value)
    if name == "binary":
        return
    for encoder, encode in TEXT.items():
        yield encoder, encode(value)
    for encoder, argv in TOOLS.items():
        if shutil.which(argv[0]):
            yield encoder, _tool(*argv)(value)

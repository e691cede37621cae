r"""How programs write one character where it cannot stand as it is: `%2F`, `\u003c`, `&lt;`, `\'`. Pure.

A style is a function from a character to what is written for it. Letters and digits of ASCII always
stand for themselves; so a form needs to be made for the other characters of a value only.
"""

import html.entities
import string
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Final

Style = Callable[[str], str]

_PLAIN: Final = frozenset(string.ascii_letters + string.digits)
_UNRESERVED: Final = "-_."
_SAFE: Final = (
    "",  # PHP's urlencode
    "~",  # RFC 3986: quote(safe=""), Go's QueryEscape, curl --data-urlencode
    "~/",  # quote()
    "~!*'()",  # encodeURIComponent
    "~!*'();,/?:@&=+$#",  # encodeURI
    "~!*'();,/?:@&=+$#[]",  # a URL as browsers and curl pass it on
    "~$&+:=@",  # Go's PathEscape
    "~$&+,/:;=@!*'()",  # a path as Go prints it
    "~!$&'()*+,;=",  # user and password by RFC 3986
    "~!$&'()*+,;=:@/",
    "~/:",
    "*",  # a form as browsers and Java send it
)
"""What is not percent-encoded beside letters, digits and `-_.`."""
_SHELL_PLAIN: Final = "@%_+=:,./-"
_SHORT: Final = dict(zip("\a\b\t\n\v\f\r", "abtnvfr", strict=True))
_JSON_SHORT: Final = {sign: _SHORT[sign] for sign in "\b\t\n\f\r"}
_QUOTES: Final[tuple[dict[str, str], ...]] = ({}, {'"': "&quot;"}, {'"': "&#34;"}, {'"': "&#x22;"})
_APOSTROPHES: Final[tuple[dict[str, str], ...]] = (
    {},
    *({"'": form} for form in ("&#39;", "&#039;", "&#x27;", "&apos;")),
)
_BRACKETS: Final = (
    {"&": "&amp;", "<": "&lt;", ">": "&gt;"},
    {"&": "&amp;", "<": "&lt;"},
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "/": "&#x2F;"},
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "/": "&#x2F;", "=": "&#x3D;", "`": "&#x60;"},
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "&#x60;", "=": "&#x3D;"},
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "+": "&#43;"},  # Go's html/template
)


def written(text: str, styles: Sequence[Style]) -> set[str]:
    """Return the text in every style."""
    signs = sorted(set(text) - _PLAIN)
    codes = [ord(sign) for sign in signs]
    tables = {tuple(map(style, signs)) for style in styles}
    return {text.translate(dict(zip(codes, table, strict=True))) for table in tables}


def _percent() -> Iterator[Style]:
    def style(sign: str, *, safe: str, case: str, blank: str) -> str:
        if sign == " ":
            return blank
        return sign if sign in safe else case % ord(sign)

    for safe, (case, blank) in product(
        _SAFE, (("%%%02X", "%20"), ("%%%02x", "%20"), ("%%%02X", "+"), ("%%%02x", "+"))
    ):
        yield _with(style, safe=safe + _UNRESERVED, case=case, blank=blank)
    for case in ("%%%02X", "%%%02x"):
        yield _with(style, safe="", case=case, blank="%20")


def _with(style: Callable[..., str], **settings: object) -> Style:
    return lambda sign: style(sign, **settings)


def _shell() -> Iterator[Style]:
    """In double quotes, in single quotes, without quotes; which signs need a backslash differs."""
    for signs in ('\\"$`', '\\"$`!', "\\'"):
        yield _with(_marked, signs=signs)
    bare = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in _PLAIN)
    bare = "".join(sign for sign in bare if sign not in _SHELL_PLAIN)
    for less, more in product(("", "~", "#", "#~", "^{}#~"), ("", ",", "=", ",=:%@+")):
        yield _with(_marked, signs="".join(sign for sign in bare if sign not in less) + more)
    for apostrophe in ("'\\''", "'\"'\"'", "''"):
        yield _with(_replaced, forms={"'": apostrophe})
    yield _with(_replaced, forms={'"': '""'})


def _marked(sign: str, *, signs: str) -> str:
    return f"\\{sign}" if sign in signs else sign


def _replaced(sign: str, *, forms: dict[str, str]) -> str:
    return forms.get(sign, sign)


def _octal() -> Iterator[Style]:
    """C strings: git's quoted paths, and bash's `$'…'`."""

    def style(sign: str, *, signs: str, escape: str, high: bool) -> str:
        if sign in signs:
            return f"\\{sign}"
        if sign == "\x1b":
            return escape
        if sign in _SHORT:
            return f"\\{_SHORT[sign]}"
        return f"\\{ord(sign):03o}" if sign < " " or sign == "\x7f" or (high and sign > "\x7f") else sign

    for signs, escape, high in product(('\\"', "\\'"), ("\\033", "\\E", "\\e"), (True, False)):
        yield _with(style, signs=signs, escape=escape, high=high)


def _json() -> Iterator[Style]:
    """JSON and JavaScript, in the dialects that escape more than they must."""

    def style(sign: str, *, marked: str, coded: str, short: bool, case: str, high: bool) -> str:
        if sign in marked:
            return f"\\{sign}"
        if short and sign in _JSON_SHORT:
            return f"\\{_JSON_SHORT[sign]}"
        if sign in coded or sign < " " or (high and sign > "~"):
            return "".join(case % unit for unit in _units(sign))
        return sign

    for marked, coded, short, case, high in product(
        ('"\\', '"\\/', "\\", "'\\"),
        ("", "\x7f\u2028\u2029", "<>&\u2028\u2029", "<>&'\"+`\x7f\u2028\u2029"),
        (True, False),
        ("\\u%04x", "\\u%04X"),
        (True, False),
    ):
        signs = "".join(sign for sign in marked if sign not in coded)
        yield _with(style, marked=signs, coded=coded, short=short, case=case, high=high)


def _units(sign: str) -> tuple[int, ...]:
    code = ord(sign)
    return (code,) if code <= 0xFFFF else (0xD7C0 + (code >> 10), 0xDC00 | code & 0x3FF)  # noqa: PLR2004 - UTF-16


def _languages() -> Iterator[Style]:
    """Go's `%q`, Python's `repr`, and what we print ourselves, which leaves the backslash alone."""

    def style(sign: str, *, marked: str, shorts: str, high: str, invalid: str) -> str:
        code = ord(sign)
        if sign in marked:
            return f"\\{sign}"
        if sign in shorts:
            return f"\\{_SHORT[sign]}"
        if "\udc80" <= sign <= "\udcff":
            return invalid % (code & 0xFF)
        if code < 0x20 or code == 0x7F or (code > 0x7F and (high == "always" or not sign.isprintable())):  # noqa: PLR2004
            return _long(code, latin=high != "go")
        return sign

    for marked, (shorts, high), invalid in product(
        ("", "\\", "\\'", '\\"', "\\'\""),
        (
            ("\a\b\t\n\v\f\r", "go"),
            ("\t\n\r", "printable"),
            ("\t\n\r", "always"),
            ("\n", "printable"),
            ("\n", "always"),
            ("", "printable"),
        ),
        ("\\x%02x", "\\udc%02x", "\ufffd%.0s"),
    ):
        yield _with(style, marked=marked, shorts=shorts, high=high, invalid=invalid)


def _long(code: int, *, latin: bool) -> str:
    if code < 0x80 or (latin and code <= 0xFF):  # noqa: PLR2004 - the escape of two digits
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def _bytes() -> Iterator[Style]:
    """Python's `repr` of bytes; each character is one byte."""

    def style(sign: str, *, marked: str, shorts: str) -> str:
        if sign in marked:
            return f"\\{sign}"
        if sign in shorts:
            return f"\\{_SHORT[sign]}"
        return sign if " " <= sign <= "~" else f"\\x{ord(sign):02x}"

    for marked, shorts in product(("", "\\", "\\'", '\\"', "\\'\""), ("\t\n\r", "\a\b\t\n\v\f\r", "")):
        yield _with(style, marked=marked, shorts=shorts)


def _markup() -> Iterator[Style]:
    """XML and HTML."""

    def named(sign: str) -> str:
        name = html.entities.codepoint2name.get(ord(sign))
        return f"&{name};" if name else sign

    others: tuple[Style, ...] = (
        lambda sign: sign,
        lambda sign: f"&#{ord(sign)};",
        lambda sign: f"&#x{ord(sign):x};",
        lambda sign: f"&#x{ord(sign):X};",
        named,
    )

    def style(sign: str, *, forms: dict[str, str], other: Style) -> str:
        return forms.get(sign) or (sign if " " <= sign <= "~" else other(sign))

    for brackets, quote, apostrophe, other in product(_BRACKETS, _QUOTES, _APOSTROPHES, others):
        yield _with(style, forms=brackets | quote | apostrophe, other=other)


OF_BYTES: Final[Sequence[Style]] = (*_percent(), *_shell(), *_octal(), *_bytes())
"""Styles that write each byte by itself; a byte is the character of its number."""
OF_TEXT: Final[Sequence[Style]] = (*_json(), *_languages(), *_markup())
"""Styles that write each character by itself."""

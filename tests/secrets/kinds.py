"""Secrets of every kind that has a form, made up anew by each test: none of them stands in our source."""

import base64
import json
import random
import string
from collections.abc import Callable
from typing import Final

ALNUM: Final = string.ascii_letters + string.digits
_UPPER: Final = string.ascii_uppercase + string.digits
_LOWER: Final = string.ascii_lowercase + string.digits
_HEX: Final = "0123456789abcdef"
_BASE64: Final = ALNUM + "+/"
_URL_SAFE: Final = ALNUM + "-_"

Make = Callable[[random.Random], str]


def drawn(letters: str, length: int, before: str = "", after: str = "") -> Make:
    """Return what draws so many letters, between what always stands there."""
    return lambda chance: before + "".join(chance.choices(letters, k=length)) + after


def joined(*parts: Make | str) -> Make:
    """Return what makes the parts, one after the other."""
    return lambda chance: "".join(part if isinstance(part, str) else part(chance) for part in parts)


def _jwt(chance: random.Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    signature = drawn(_URL_SAFE, 43)(chance)
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': chance.random()})}.{signature}"


def _private_key(chance: random.Random) -> str:
    body = "\n".join(drawn(_BASE64, 64)(chance) for _ in range(8))
    words = "RSA PRIVATE " + "KEY-----"
    return f"-----BEGIN {words}\n{body}\n-----END {words}"


def _bot(chance: random.Random) -> str:
    number = "".join(chance.choices(string.digits, k=18))
    return base64.b64encode(number.encode()).decode()


KINDS: Final[dict[str, Make]] = {
    "Artifactory Credentials": drawn(ALNUM, 60, "AKC"),
    "AWS Access Key": drawn(_UPPER, 16, "AKIA"),
    "Azure Storage Account access key": drawn(_BASE64, 86, "AccountKey=", "=="),
    "Basic Auth Credentials": drawn(ALNUM, 20, "https://ada:", "@example.com/x"),
    "Cloudant Credentials": drawn(_HEX, 64, "cloudant_password=", ""),
    "Discord Bot Token": joined(_bot, ".", drawn(ALNUM, 6), ".", drawn(ALNUM, 27)),
    "GitHub Token": drawn(ALNUM, 36, "ghp_"),
    "GitLab Token": drawn(ALNUM, 20, "glpat-"),
    "IBM Cloud IAM Key": drawn(ALNUM, 44, "ibm_cloud_iam_api_key="),
    "IBM COS HMAC Credentials": drawn(_HEX, 48, "secret_access_key="),
    "JSON Web Token": _jwt,
    "Mailchimp Access Key": drawn(_HEX, 32, "", "-us5"),
    "NPM tokens": drawn(ALNUM, 36, "//registry.example.com/:_authToken=npm_"),
    "OpenAI Token": joined("sk-", drawn(ALNUM, 20), "T3Blbk" + "FJ", drawn(ALNUM, 20)),
    "Private Key": _private_key,
    "PyPI Token": drawn(_URL_SAFE, 90, "pypi-" + "AgEIcHlwaS5vcmc"),
    "SendGrid API Key": joined("SG.", drawn(ALNUM, 22), ".", drawn(ALNUM, 43)),
    "Slack Token": joined("xoxb-", drawn(string.digits, 12), "-", drawn(_LOWER, 24)),
    "SoftLayer Credentials": drawn(_HEX, 64, "softlayer_api_key="),
    "Square OAuth Secret": drawn(ALNUM, 43, "sq0csp-"),
    "Stripe Access Key": drawn(ALNUM, 24, "sk_live_"),
    "Telegram Bot Token": joined(drawn("123456789", 9), ":AA", drawn(ALNUM, 33)),
    "Twilio API Key": drawn(_HEX, 32, "SK"),
}
"""By the name that detect-secrets has for it."""

"""How fast output is redacted on its way into the transcript."""

from benchmarks.declare import Case, Goal, Table, Unit

_COPY = "cat FILE | a copy loop in Python"
_SIZES = {"quick": "text:200000000", "full": "text:1000000000"}


def _case(secrets: int, *, plain: bool) -> Case:
    engine = "plain Python" if plain else "RE2"
    name = f"{secrets} secrets, {engine}" if secrets >= 0 else "captured only"
    return Case(
        name=name,
        code="redact:captured",
        role="ours",
        arguments={**_SIZES, "secrets": secrets, "plain": plain},
    )


TABLES = (
    Table(
        name="redact",
        title="Output captured and redacted",
        about=(
            "1 GB of text (quick: 200 MB) of `cat`, through a pipe and a keeper's capture into the "
            "transcript, with so many secrets of 32 characters registered."
        ),
        unit=Unit(label="s per GB", scale=1e3),
        base=_COPY,
        rounds={"quick": 3, "full": 5},
        corpora={"quick": (_SIZES["quick"],), "full": (_SIZES["full"],)},
        cases=(
            _case(-1, plain=False),
            *(_case(secrets, plain=plain) for plain in (False, True) for secrets in (0, 1, 10, 50)),
            Case(name=_COPY, code="redact:copied", role="reference", arguments=_SIZES),
            Case(
                name="cat FILE > OUT",
                code="capture:shell",
                role="reference",
                arguments={**_SIZES, "script": "cat FILE > OUT"},
            ),
        ),
        goals=(
            Goal(text="no secrets registered", case="0 secrets, RE2", at_least=200, unit="MB/s", rate=True),
            Goal(
                text="no secrets registered, without the extra",
                case="0 secrets, plain Python",
                at_least=200,
                unit="MB/s",
                rate=True,
            ),
            Goal(
                text="50 secrets and the extra `redact`",
                case="50 secrets, RE2",
                at_least=100,
                unit="MB/s",
                rate=True,
            ),
        ),
    ),
)

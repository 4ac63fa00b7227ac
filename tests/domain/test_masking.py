"""What is hidden in text, what is left alone, and that no text makes it slow."""

import base64
import json
import time
from urllib.parse import quote, quote_plus

import pytest

from app.wire.masking import HIDDEN, Mask, patterns

VALUE = 'pa$$ wörd/"with" everything+%41'
PLAIN = "correct-horse-battery"


@pytest.mark.parametrize(
    "text",
    [
        VALUE,
        f"before {VALUE} after",
        json.dumps({"a": VALUE}),
        json.dumps({"a": VALUE}, ensure_ascii=False),
        repr(VALUE),
        quote(VALUE),
        quote(VALUE, safe=""),
        quote_plus(VALUE),
        VALUE.encode().hex(),
        VALUE.encode().hex().upper(),
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
        base64.b64encode(b"user:" + VALUE.encode() + b"\n").decode(),
        base64.b64encode(b"x" + VALUE.encode() + b"yy").decode(),
    ],
)
def test_a_known_value_is_hidden_in_all_its_forms(text: str) -> None:
    hidden = Mask([VALUE]).text(text)
    assert HIDDEN in hidden
    for form in (VALUE, VALUE[:12], quote(VALUE)[:12], VALUE.encode().hex()[:20], json.dumps(VALUE)[1:14]):
        assert form not in hidden
    for start in range(3):
        inner = base64.b64encode(b"\0" * start + VALUE.encode()).decode()[4:-4]
        assert inner not in hidden


def test_each_line_of_a_value_is_hidden_by_itself() -> None:
    key = "-----BEGIN KEY-----\nMIIEabcdefgh\nzz\n-----END KEY-----\n"
    mask = Mask([key])
    assert [mask.known(line) for line in key.splitlines()] == [HIDDEN, HIDDEN, "zz", HIDDEN]


def test_the_longest_value_goes_first() -> None:
    assert Mask(["secret", "secret-extended"]).known("secret-extended secret") == f"{HIDDEN} {HIDDEN}"


def test_the_beginning_of_a_value_at_the_end_of_a_cut_line() -> None:
    mask = Mask([PLAIN])
    assert mask.known("x" * 100 + PLAIN[:11], cut=True) == "x" * 100 + HIDDEN
    assert mask.known(PLAIN[:11]) == PLAIN[:11]
    assert mask.known("and cor", cut=True) == "and cor"


def test_results_keep_their_form() -> None:
    mask = Mask([PLAIN, "123456"])
    value = {"a": [PLAIN, 1, None, 123456, True], f"x{PLAIN}": "token=abc", "n": 1234567}
    assert mask.data(value) == {"a": [HIDDEN, 1, None, HIDDEN, True], f"x{HIDDEN}": "token=abc", "n": 1234567}
    assert Mask().data(value) is value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abcdef", "Authorization: Bearer ***"),
        ("authorization=Basic dXNlcjpw", "authorization=Basic ***"),
        ("curl -H 'Authorization: token abcdef'", "curl -H 'Authorization: token ***'"),
        ("https://host/x?token=abc&page=2", "https://host/x?token=***&page=2"),
        ("https://user:pw@host/x", "https://user:***@host/x"),
        ("password=hunter2, retrying", "password=***, retrying"),
        ("PGPASSWORD: 'x'", "PGPASSWORD: '***'"),
        ('api_key = "zzz"', 'api_key = "***"'),
        ("AWS_SECRET_ACCESS_KEY=abc/def", "AWS_SECRET_ACCESS_KEY=***"),
        ('{"access_token": "abc def"}', '{"access_token": "***"}'),
        ("FLOTILLA_RUN_TOKEN=flr_WyJh.aaaaaaaaaaaaaaaa", "FLOTILLA_RUN_TOKEN=***"),
        ("used fl_12345678_abcdefghijklmnopqrst", "used fl_***"),
        ("mysql --password hunter2", "mysql --password ***"),
    ],
)
def test_what_looks_secret_is_hidden(text: str, shown: str) -> None:
    assert patterns(text) == shown
    assert patterns(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "sorted(rows, key=lambda row: row.name)",
        "monkey=1 keyboard: ready, total token: 512",
        "password: ***",
        "https://host:8080/path",
        "the key is under the mat",
        "key=None token=False",
        "progress 42.5 %",
        "",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert patterns(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "a" * 16384, "key" * 5000, "token= " * 2300, '"key' * 4000, "://:@" * 3300, "authorization " * 1100,
        "'" * 16000 + "token:", "password:   " * 1300, "fl_" * 5400, "api_" * 4000 + "key=", "--" * 8000 + "key ",
    ],
)  # fmt: skip
def test_no_line_makes_it_slow(text: str) -> None:
    mask = Mask([VALUE, PLAIN])
    began = time.process_time()
    mask.text(text, cut=True)
    assert time.process_time() - began < 0.5

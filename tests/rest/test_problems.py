"""Errors: each has a status, a form, and words for the caller."""

from collections.abc import Iterator

import pytest
from flask import Response

from app.domain import errors
from app.rest import auth, problems
from tests.rest.conftest import Api


def tree(kind: type[errors.FlotillaError]) -> Iterator[type[errors.FlotillaError]]:
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield below
            yield from tree(below)


@pytest.mark.parametrize("kind", list(tree(errors.FlotillaError)))
def test_every_error_of_the_domain_has_a_status(kind: type[errors.FlotillaError]) -> None:
    assert kind in problems.STATUS
    assert problems.STATUS[kind] in problems.TITLES


def test_the_table_has_nothing_else() -> None:
    assert set(problems.STATUS) == set(tree(errors.FlotillaError))


def test_what_is_wrong_is_told_by_pointer() -> None:
    answer = problems.explain(errors.Invalid([errors.Problem("/a/0", "is odd"), errors.Problem("/b", "is even")], 7))
    assert answer.status == 422
    assert answer.detail == "7 places are wrong; the first: is odd"
    assert answer.errors == ({"pointer": "/a/0", "detail": "is odd"}, {"pointer": "/b", "detail": "is even"})


def test_pointers_escape_what_rfc_6901_says() -> None:
    assert problems.places({"a/b": {"~": ["wrong"]}, "_schema": ["whole"]}) == [
        errors.Problem("/a~1b/~0", "wrong"),
        errors.Problem("", "whole"),
    ]


def test_away_says_when_to_try_again() -> None:
    answer = problems.explain(errors.Unavailable("the database is away", retry_after_s=7))
    assert (answer.status, answer.headers) == (503, {"Retry-After": "7"})


NOWHERE = [("GET", "/nix"), ("GET", "/v1/jobs/"), ("GET", "//v1/jobs"), ("POST", "/v1")]


@pytest.mark.parametrize(("method", "path"), NOWHERE)
def test_an_unknown_address_is_404(shared: Api, method: str, path: str) -> None:
    answer = shared.send(method, path)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


@pytest.mark.parametrize("method", ["TRACE", "PUT", "DELETE", "BREW"])
def test_another_method_is_405_and_names_the_allowed(shared: Api, method: str) -> None:
    answer = shared.send(method, "/v1/jobs")
    assert (answer.status_code, answer.mimetype) == (405, "application/problem+json")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_method_override_headers_are_ignored(shared: Api) -> None:
    answer = shared.get("/v1/jobs", headers={"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"})
    assert answer.status_code == 200


def test_head_and_options(shared: Api) -> None:
    head = shared.send("HEAD", "/v1/jobs")
    assert (head.status_code, head.data) == (200, b"")
    assert head.content_length == shared.get("/v1/jobs").content_length
    options = shared.send("OPTIONS", "/v1/projects", as_=None)
    assert options.status_code == 200
    assert set(options.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_a_fault_is_500_without_its_words(api: Api) -> None:
    @auth.scope(auth.PUBLIC)
    def broken() -> Response:
        raise RuntimeError("the secret is 42")

    api.app.add_url_rule("/broken", view_func=broken)
    answer = api.get("/broken", headers={"X-Request-Id": "abc-1"})
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert "42" not in answer.text
    assert answer.headers["X-Request-Id"] == "abc-1"


def test_a_dialect_shows_errors_in_its_own_form(api: Api) -> None:
    problems.speak(api.app, "/parrot/", lambda answer: Response(f"parrot says {answer.status}", answer.status))
    assert api.get("/parrot/compute").text == "parrot says 404"
    assert api.get("/other").mimetype == "application/problem+json"


def test_every_answer_has_an_id_and_headers_that_disarm_it(shared: Api) -> None:
    for answer in (shared.get("/v1/jobs"), shared.get("/nix"), shared.get("/v1/jobs", as_=None)):
        assert len(answer.headers["X-Request-Id"]) == 16
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert shared.get("/nix", headers={"X-Request-Id": "mine/7"}).headers["X-Request-Id"] == "mine/7"
    assert shared.get("/nix", headers={"X-Request-Id": "<script>"}).headers["X-Request-Id"] != "<script>"

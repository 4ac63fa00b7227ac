"""Is each body released, skipped or kept waiting by the rule, whatever the order in which its header ends?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.chords import Chord, Count, RunWhen, Verdict, judge, plan

ALL, DONE, ANY = RunWhen.ALL_SUCCEEDED, RunWhen.ALL_DONE, RunWhen.ANY_FAILED
WAIT, RELEASE, SKIP = Verdict.WAIT, Verdict.RELEASE, Verdict.SKIP


def test_each_task_with_needs_is_the_body_of_one_chord() -> None:
    diamond = [[], [0], [0], [2, 1]]
    assert plan(diamond) == [
        Chord(body=1, header=(0,)),
        Chord(body=2, header=(0,)),
        Chord(body=3, header=(2, 1)),
    ]


def test_roots_have_no_chord() -> None:
    assert plan([[], [], []]) == []


@pytest.mark.parametrize(
    ("run_when", "succeeded", "unsuccessful", "verdict"),
    [
        (ALL, 0, 0, WAIT),
        (ALL, 2, 0, WAIT),
        (ALL, 3, 0, RELEASE),
        (ALL, 0, 1, SKIP),
        (ALL, 2, 1, SKIP),
        (ALL, 0, 3, SKIP),
        (DONE, 0, 0, WAIT),
        (DONE, 1, 1, WAIT),
        (DONE, 3, 0, RELEASE),
        (DONE, 1, 2, RELEASE),
        (DONE, 0, 3, RELEASE),
        (ANY, 0, 1, WAIT),
        (ANY, 2, 0, WAIT),
        (ANY, 3, 0, SKIP),
        (ANY, 2, 1, RELEASE),
        (ANY, 0, 3, RELEASE),
    ],
)
def test_the_rule_of_a_chord_of_three(run_when: RunWhen, succeeded: int, unsuccessful: int, verdict: Verdict) -> None:
    assert judge(run_when, Count(size=3, succeeded=succeeded, unsuccessful=unsuccessful)) is verdict


def outcome(run_when: RunWhen, parts: list[bool]) -> Verdict:
    """What is decided at the first part that decides anything, as parts come in one by one."""
    for at in range(1, len(parts) + 1):
        came = parts[:at]
        verdict = judge(run_when, Count(size=len(parts), succeeded=sum(came), unsuccessful=at - sum(came)))
        if verdict is not WAIT:
            return verdict
    return WAIT


@given(st.sampled_from(RunWhen), st.lists(st.booleans(), min_size=1, max_size=12), st.data())
def test_whatever_the_order_of_parts_the_verdict_is_the_same(
    run_when: RunWhen, parts: list[bool], data: st.DataObject
) -> None:
    first = outcome(run_when, parts)
    assert first is not WAIT
    assert outcome(run_when, data.draw(st.permutations(parts))) is first


@given(st.sampled_from(RunWhen), st.lists(st.booleans(), min_size=1, max_size=12))
def test_what_was_decided_is_never_decided_otherwise(run_when: RunWhen, parts: list[bool]) -> None:
    decided = outcome(run_when, parts)
    for at in range(1, len(parts) + 1):
        came = parts[:at]
        assert judge(run_when, Count(size=len(parts), succeeded=sum(came), unsuccessful=at - sum(came))) in (
            WAIT,
            decided,
        )

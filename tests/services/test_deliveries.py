"""Webhooks: written down with what happened, and sent until somebody answers."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.adapters.keyring import Keyring, new_key
from app.domain.errors import Conflict, Forbidden, NotFound, Unavailable
from app.domain.job import Job, JobSpec
from app.domain.template import Version
from app.ports.hooks import Delivery, DeliveryState, Unsendable
from app.ports.vault import Unreadable
from app.services import access, cancel, deliveries, hook_secrets, rerun, templates
from app.services.hooks import EVENTS, shown
from app.wire.states import RunState
from tests.replacing import replace
from tests.services.world import ALL, SECRETS_KEY, World

URL = "https://hooks.example/x"


@dataclass
class Receiver:
    """Answers with what comes next; the last one again and again."""

    answers: list[int | Exception] = field(default_factory=lambda: [200])
    got: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.got.append((url, headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def events(self) -> list[str]:
        return [headers["X-Flotilla-Event"] for _, headers, _ in self.got]


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def world(receiver: Receiver) -> World:
    made = World()
    object.__setattr__(made.core, "poster", receiver)
    return made


def send(world: World) -> list[Delivery]:
    return [deliveries.send(world.core, letter) for letter in deliveries.take(world.core, 100)]


def log(world: World, job: Job) -> list[Delivery]:
    return deliveries.listing(world.core, world.who, job.id, ALL)


def hook(**more: Any) -> dict[str, Any]:
    return {"url": URL, **more}


def test_a_job_that_ends_is_told_with_a_signature_that_can_be_checked(world: World, receiver: Receiver) -> None:
    job = world.submit({"a": [], "b": ["a"]}, webhooks=(hook(secret="s3cret"),), labels={"team": "x"})
    world.drive(world.node())
    assert [one.state for one in send(world)] == [DeliveryState.DELIVERED]
    [(url, headers, body)] = receiver.got
    told = json.loads(body)
    assert url == URL
    assert (told["event"], told["job"]["id"], told["job"]["state"]) == ("job.succeeded", job.id, "succeeded")
    assert (told["job"]["counts"], told["job"]["labels"]) == ({"succeeded": 2}, {"team": "x"})
    assert told["id"] == headers["X-Flotilla-Delivery"]
    stated = dict(part.split("=", 1) for part in headers["X-Flotilla-Signature"].split(","))
    expected = hmac.new(b"s3cret", stated["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert stated["v1"] == expected
    assert int(stated["t"]) == world.clock.now_us // 1_000_000
    assert send(world) == []


def test_without_a_secret_of_its_own_it_is_the_organization_s(world: World, receiver: Receiver) -> None:
    world.submit({"a": []}, webhooks=(hook(),))
    world.drive(world.node())
    send(world)
    secret = deliveries.shown_secret(world.core, world.who)
    at_s = world.clock.now_us // 1_000_000
    assert receiver.got[0][1]["X-Flotilla-Signature"] == deliveries.signature(secret, at_s, receiver.got[0][2])
    assert secret != deliveries.secret_of(world.core, "another")
    with pytest.raises(Forbidden):
        deliveries.shown_secret(world.core, access.anonymous("member"))


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (None, ["job.failed"]),
        (("job.ended",), ["job.failed"]),
        (("job.succeeded",), []),
        (("task.failed",), ["task.failed"]),
        (("task.ended",), ["task.failed", "task.skipped", "task.succeeded"]),
        (("task.skipped", "job.failed"), ["job.failed", "task.skipped"]),
    ],
)
def test_one_is_told_what_one_asked_for(
    world: World, receiver: Receiver, events: tuple[str, ...] | None, told: list[str]
) -> None:
    job = world.submit({"a": [], "b": ["a"], "c": []}, webhooks=(hook(**({"events": events} if events else {})),))
    node = world.node()
    node.take_all()
    node.finish("a", RunState.FAILED)
    node.finish("c")
    send(world)
    assert sorted(receiver.events) == told
    named = {json.loads(body)["task"]["name"] for _, headers, body in receiver.got if "task" in json.loads(body)}
    assert named <= {"a", "b", "c"}
    assert world.job(job).state == "failed"


def test_each_hook_is_told_apart_and_a_job_without_any_writes_nothing(world: World, receiver: Receiver) -> None:
    quiet = world.submit({"a": []})
    loud = world.submit({"b": []}, webhooks=(hook(), hook(url="https://other.example/"), hook(events=["task.ended"])))
    world.drive(world.node())
    assert log(world, quiet) == []
    send(world)
    assert sorted(url for url, _, _ in receiver.got) == sorted([URL, URL, "https://other.example/"])
    assert len({one.id for one in log(world, loud)}) == 3


def test_all_ways_to_end_are_told(world: World, receiver: Receiver) -> None:
    world.submit({}, webhooks=(hook(),))
    canceled = world.submit({"a": []}, webhooks=(hook(events=["job.ended", "task.canceled"]),))
    cancel.cancel_job(world.core, world.who, canceled.id)
    send(world)
    assert sorted(receiver.events) == ["job.canceled", "job.succeeded", "task.canceled"]


def test_a_job_that_runs_again_is_told_again(world: World, receiver: Receiver) -> None:
    job = world.submit({"a": []}, webhooks=(hook(),))
    node = world.node()
    node.take_all()
    node.finish("a", RunState.FAILED)
    rerun.retry_job(world.core, world.who, job.id)
    world.drive(node)
    send(world)
    assert receiver.events == ["job.failed", "job.succeeded"]


def test_what_is_not_answered_is_tried_again_with_longer_pauses_and_given_up_in_the_end(
    world: World, receiver: Receiver
) -> None:
    receiver.answers = [500, Unavailable("no answer from hooks.example"), 302, 500]
    job = world.submit({"a": []}, webhooks=(hook(),))
    world.drive(world.node())
    pauses = []
    while (one := next(iter(log(world, job)))).due_at_us is not None:
        pauses.append(max(0, one.due_at_us - world.clock.now_us) / 1e6)
        world.clock.now_us = max(world.clock.now_us, one.due_at_us)
        assert len(send(world)) == 1
    assert one.state is DeliveryState.FAILED
    assert "given up after" in (one.detail or "")
    assert one.tries == len(receiver.got) == len(pauses)
    assert pauses[0] == 0
    assert all(3 <= pause <= 3600 * 1.25 for pause in pauses[1:])
    assert 20 < one.tries < 50
    assert sum(pauses) <= 24 * 3600
    assert len({headers["X-Flotilla-Delivery"] for _, headers, _ in receiver.got}) == 1


def test_the_log_says_what_went_wrong_and_that_it_went_well_then(world: World, receiver: Receiver) -> None:
    receiver.answers = [503, 204]
    job = world.submit({"a": []}, webhooks=(hook(),))
    world.drive(world.node())
    send(world)
    [one] = log(world, job)
    assert (one.state, one.status, one.detail) == (DeliveryState.PENDING, 503, "the receiver answered 503")
    world.clock.advance(60)
    send(world)
    [one] = log(world, job)
    assert (one.state, one.status, one.detail, one.tries) == (DeliveryState.DELIVERED, 204, None, 2)


@pytest.mark.parametrize(
    ("answer", "state"), [(410, DeliveryState.FAILED), (Unsendable("10.0.0.1 is private"), DeliveryState.REFUSED)]
)
def test_some_answers_end_it_at_once(
    world: World, receiver: Receiver, answer: int | Exception, state: DeliveryState
) -> None:
    receiver.answers = [answer]
    job = world.submit({"a": []}, webhooks=(hook(),))
    world.drive(world.node())
    assert [one.state for one in send(world)] == [state]
    world.clock.advance(86_400)
    assert send(world) == []
    assert log(world, job)[0].detail


def test_it_can_be_sent_again_by_hand(world: World, receiver: Receiver) -> None:
    receiver.answers = [410, 200]
    job = world.submit({"a": []}, webhooks=(hook(),))
    world.drive(world.node())
    [one] = send(world)
    world.clock.advance(3 * 86_400)
    assert deliveries.again(world.core, world.who, job.id, one.id).state is DeliveryState.PENDING
    with pytest.raises(Conflict):
        deliveries.again(world.core, world.who, job.id, one.id)
    assert [two.state for two in send(world)] == [DeliveryState.DELIVERED]
    foreign = replace(world.who, org_id="another")
    for who, job_id, delivery_id in ((foreign, job.id, one.id), (world.who, job.id, "nothing")):
        with pytest.raises(NotFound):
            deliveries.again(world.core, who, job_id, delivery_id)
    with pytest.raises(NotFound):
        deliveries.listing(world.core, foreign, job.id, ALL)


def test_what_an_engine_took_and_died_with_is_sent_by_the_next(world: World, receiver: Receiver) -> None:
    world.submit({"a": []}, webhooks=(hook(),))
    world.drive(world.node())
    [lost] = deliveries.take(world.core, 10)
    assert deliveries.take(world.core, 10) == []
    world.clock.advance(deliveries.TAKEN_S + 1)
    [one] = send(world)
    assert (one.state, one.tries) == (DeliveryState.DELIVERED, 2)
    assert deliveries.send(world.core, lost).tries == 1, "who comes back too late changes nothing"
    assert receiver.events == ["job.succeeded"] * 2


def test_it_goes_with_its_job_and_after_a_month(world: World) -> None:
    job = world.submit({"a": []}, webhooks=(hook(),))
    world.drive(world.node())
    send(world)
    assert deliveries.forget(world.core) == 0
    world.clock.advance(31 * 86_400)
    assert deliveries.forget(world.core) == 1
    assert log(world, job) == []


def test_a_secret_is_shown_to_nobody() -> None:
    for hidden in ({"secret": "s"}, {"sealed": "k.x"}):
        assert shown([hook(**hidden, events=["job.ended"])]) == [hook(events=["job.ended"])]


def signed_with(receiver: Receiver, secret: str) -> bool:
    _, headers, body = receiver.got[-1]
    at_s = int(headers["X-Flotilla-Signature"].partition("=")[2].partition(",")[0])
    return headers["X-Flotilla-Signature"] == deliveries.signature(secret, at_s, body)


def stored(world: World, job: Job) -> tuple[Any, ...]:
    found = world.core.store.read(lambda tx: tx.job(job.id))
    assert found
    return found.webhooks


def test_its_own_secret_is_sealed_for_it_alone(world: World, receiver: Receiver) -> None:
    job = world.submit({"a": []}, webhooks=(hook(), hook(secret="s3cret")))
    plain, sealed = stored(world, job)
    assert plain == hook()
    assert set(sealed) == {"url", "sealed"}
    assert "s3cret" not in str(stored(world, job))
    for org_id, moved in (("another", sealed), (access.ORG, {**sealed, "url": "https://evil.example/"})):
        with pytest.raises(Unreadable):
            hook_secrets.opened(world.core, org_id, moved)
    world.drive(world.node())
    send(world)
    assert signed_with(receiver, "s3cret")


def test_without_a_key_none_is_taken_and_none_lies_in_the_clear(world: World) -> None:
    object.__setattr__(world.core, "vault", None)
    with pytest.raises(Conflict, match="leave the secret out"):
        world.submit({"a": []}, webhooks=(hook(secret="s3cret"),))
    world.submit({"a": []}, webhooks=(hook(),))


def test_one_that_lies_in_the_clear_is_good_and_sealed_at_the_next_start(world: World, receiver: Receiver) -> None:
    job, template = world.submit({"a": []}, webhooks=(hook(),)), draft_of(world, ())
    clear = (hook(secret="s3cret"),)
    world.core.store.write(lambda tx: tx.save_webhooks(job.seq, clear))
    world.core.store.write(
        lambda tx: tx.save_template_version(replace(template, job=replace(template.job, webhooks=clear)))
    )
    assert world.core.vault
    world.drive(world.node())
    send(world)
    assert signed_with(receiver, "s3cret")
    assert hook_secrets.seal_clear(world.core.store, world.core.vault) == 2
    assert hook_secrets.seal_clear(world.core.store, world.core.vault) == 0
    assert "s3cret" not in str(stored(world, job))
    [one] = log(world, job)
    deliveries.again(world.core, world.who, job.id, one.id)
    send(world)
    assert len(receiver.got) == 2
    assert signed_with(receiver, "s3cret")
    started = templates.start(world.core, world.who, template.template_id, templates.Start(values={}))
    assert hook_secrets.opened(world.core, started.org_id, stored(world, started)[0]) == "s3cret"


def test_a_new_key_seals_them_anew_and_a_lost_one_is_told(world: World, receiver: Receiver) -> None:
    jobs = [world.submit({f"a{number}": []}, webhooks=(hook(secret="s3cret"),)) for number in range(3)]
    draft_of(world, (hook(secret="s3cret"),))
    old, fresh = SECRETS_KEY, new_key()
    both = Keyring(lambda: f"{fresh},{old}")
    assert hook_secrets.reseal(world.core.store, both) == 4
    assert hook_secrets.reseal(world.core.store, both) == 0
    assert Keyring(lambda: fresh).open(stored(world, jobs[0])[0]["sealed"], f"{access.ORG}/webhook {URL}") == "s3cret"
    with pytest.raises(Unreadable, match="the secret of a webhook"):
        hook_secrets.reseal(world.core.store, Keyring(new_key))
    world.drive(world.node())
    sent = send(world)
    assert {one.state for one in sent} == {DeliveryState.PENDING}
    assert "cannot be read" in (sent[0].detail or "")
    assert receiver.got == []


def draft_of(world: World, hooks: tuple[Any, ...]) -> Version:
    spec = JobSpec(name="saved", tasks=(), webhooks=hooks)
    return templates.create(world.core, world.who, templates.Draft(job=spec)).version


def test_the_events_have_names() -> None:
    assert {"job.ended", "job.succeeded", "task.ended", "task.skipped"} <= set(EVENTS)
    assert len(EVENTS) == 9

"""What every store promises of webhooks as they are stored: those of jobs and those that templates save."""

from dataclasses import replace

from app.domain.job import JobSpec
from app.domain.template import Template, Version
from app.ports.records import Page
from app.ports.store import Store
from tests.conformance.values import NOW_US, ORG, job

HOOK = {"url": "https://hooks.example/", "secret": "hush"}
PLAIN = {"url": "https://hooks.example/"}
MARKER = '"secret":"'


def test_jobs_with_webhooks_are_walked_once_and_changed_in_silence(store: Store) -> None:
    hooks = {1: (HOOK,), 2: (), 3: (PLAIN, HOOK), 4: (PLAIN,), 5: (HOOK,)}
    made = [replace(job(seq), webhooks=each) for seq, each in hooks.items()]
    store.write(lambda tx: [tx.insert_job(each) for each in made])
    first = store.write(lambda tx: tx.lock_hooked_jobs(MARKER, 0, 2))
    assert [each.seq for each in first] == [1, 3]
    assert [each.seq for each in store.write(lambda tx: tx.lock_hooked_jobs(MARKER, 3, 2))] == [5]
    store.write(lambda tx: tx.save_webhooks(3, ({**PLAIN, "sealed": "x.y"}, PLAIN)))
    kept = store.read(lambda tx: tx.job(made[2].id))
    assert kept == replace(made[2], webhooks=({**PLAIN, "sealed": "x.y"}, PLAIN))
    assert [each.seq for each in store.write(lambda tx: tx.lock_hooked_jobs('"sealed":"', 0, 9))] == [3]


def test_versions_with_webhooks_are_walked_once_and_changed(store: Store) -> None:
    templates = [
        Template(
            seq=seq, id=f"t{seq}", org_id=org_id, name="n", created_by="ann", created_at_us=NOW_US, changed_at_us=NOW_US
        )
        for seq, org_id in ((1, ORG), (2, "org-2"))
    ]
    versions = [
        Version(
            template_id=template_id, number=number, created_by="ann", created_at_us=NOW_US, comment="",
            job=JobSpec(name="j", tasks=(), webhooks=hooks), questions=(),
        )
        for template_id, number, hooks in (
            ("t1", 1, (HOOK,)), ("t1", 2, (PLAIN,)), ("t1", 3, (HOOK,)), ("t2", 1, (HOOK,)),
        )
    ]  # fmt: skip
    store.write(lambda tx: [tx.insert_template(each) for each in templates])
    store.write(lambda tx: [tx.insert_template_version(each) for each in versions])
    found = store.write(lambda tx: tx.lock_hooked_versions(MARKER, ("", 0), 2))
    assert found == [(ORG, versions[0]), (ORG, versions[2])]
    assert store.write(lambda tx: tx.lock_hooked_versions(MARKER, ("t1", 3), 2)) == [("org-2", versions[3])]
    changed = replace(versions[2], job=replace(versions[2].job, webhooks=(PLAIN,)))
    store.write(lambda tx: tx.save_template_version(changed))
    assert store.read(lambda tx: tx.template_version("t1", 3)) == changed
    assert [one.number for one in store.read(lambda tx: tx.template_versions("t1", Page(limit=9)))] == [3, 2, 1]

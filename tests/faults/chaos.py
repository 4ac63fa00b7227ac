"""Which faults may strike at random, and how does each pass? Break it now, mend it a little later."""

import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.fleet import Fleet
from tests.faults.process import Process

Mend = Callable[[], None]


@dataclass(slots=True)
class Chaos:
    """`strike` breaks something and says what; `mend_due` puts right whose time has come."""

    fleet: Fleet
    chance: random.Random
    struck: list[str] = field(default_factory=list)
    _broken: dict[object, tuple[float, Mend]] = field(default_factory=dict)

    def strike(self, now: float) -> None:
        name = self.chance.choice(sorted(FAULTS))
        found = FAULTS[name](self)
        if found is not None:
            what, mend = found
            self.struck.append(name)
            self._broken[what] = (now + self.chance.uniform(0.1, 3.0), mend)

    def mend_due(self, now: float, all_of_it: bool = False) -> None:
        for what, (due, mend) in list(self._broken.items()):
            if all_of_it or due <= now:
                del self._broken[what]
                mend()

    def _one(self, among: list[Process]) -> Process | None:
        """One that is whole, as long as it is not the last of its kind."""
        whole = [each for each in among if each not in self._broken and each.alive]
        return self.chance.choice(whole) if whole else None

    def _kill(self, among: list[Process], tree: bool = False) -> tuple[object, Mend] | None:
        victim = self._one(among)
        if victim is None:
            return None
        if tree:
            victim.kill_tree()
        else:
            victim.kill()
        return victim, victim.start

    def _freeze(self, among: list[Process]) -> tuple[object, Mend] | None:
        victim = self._one(among)
        if victim is None:
            return None
        victim.send(signal.SIGSTOP)
        return victim, lambda: victim.send(signal.SIGCONT)

    def kill_node(self) -> tuple[object, Mend] | None:
        return self._kill(self.fleet.nodes)

    def cut_power_of_node(self) -> tuple[object, Mend] | None:
        return self._kill(self.fleet.nodes, tree=True)

    def freeze_node(self) -> tuple[object, Mend] | None:
        return self._freeze(self.fleet.nodes)

    def drain_node(self) -> tuple[object, Mend] | None:
        victim = self._one(self.fleet.nodes)
        if victim is None:
            return None
        victim.send(signal.SIGTERM)

        def mend() -> None:
            victim.end()
            victim.start()

        return victim, mend

    def kill_web(self) -> tuple[object, Mend] | None:
        return self._kill(self.fleet.webs)

    def restart_web(self) -> tuple[object, Mend] | None:
        victim = self._one(self.fleet.webs)
        if victim is None:
            return None
        victim.end()
        return victim, victim.start

    def kill_engine(self) -> tuple[object, Mend] | None:
        return self._kill(self.fleet.engines)

    def freeze_engine(self) -> tuple[object, Mend] | None:
        return self._freeze(self.fleet.engines)

    def kill_broker(self) -> tuple[object, Mend] | None:
        if self.fleet.redis in self._broken:
            return None
        self.fleet.redis.kill()
        return self.fleet.redis, self.fleet.redis.start

    def wipe_broker(self) -> tuple[object, Mend] | None:
        if self.fleet.redis not in self._broken:
            self.fleet.redis.empty()
        return None

    def kill_database(self) -> tuple[object, Mend] | None:
        database = self.fleet.postgres
        if database is None or database in self._broken:
            return None
        database.stop_at_once()
        return database, database.start

    def cut_api_link(self) -> tuple[object, Mend] | None:
        link = self.chance.choice(self.fleet.api_links)
        if link in self._broken:
            return None
        link.cut()
        return link, link.heal

    def reset_links(self) -> tuple[object, Mend] | None:
        for link in self.fleet.api_links:
            link.reset_all()
        return None

    def cut_broker_link(self) -> tuple[object, Mend] | None:
        link = self.fleet.broker_link
        if link in self._broken:
            return None
        link.cut()
        return link, link.heal

    def lose_answers(self) -> tuple[object, Mend] | None:
        path = self.chance.choice((b"/claims", b"/reports", b"/heartbeat"))
        for link in self.fleet.api_links:
            link.lose_answer(lambda data: data.startswith(b"POST ") and path in data.split(b"\r\n", 1)[0])
        return None


FAULTS: dict[str, Callable[[Chaos], tuple[object, Mend] | None]] = {
    "kill a node": Chaos.kill_node,
    "cut a node's power": Chaos.cut_power_of_node,
    "freeze a node": Chaos.freeze_node,
    "drain a node": Chaos.drain_node,
    "kill a web process": Chaos.kill_web,
    "restart a web process": Chaos.restart_web,
    "kill an engine": Chaos.kill_engine,
    "freeze an engine": Chaos.freeze_engine,
    "kill the broker": Chaos.kill_broker,
    "wipe the broker": Chaos.wipe_broker,
    "kill the database": Chaos.kill_database,
    "cut a node from the API": Chaos.cut_api_link,
    "reset connections": Chaos.reset_links,
    "cut the broker": Chaos.cut_broker_link,
    "lose answers": Chaos.lose_answers,
}

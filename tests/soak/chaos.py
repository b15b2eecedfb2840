"""How each event of the plan is brought about, and ended.

`begin` and `end` return when it has happened, and the daemons have noticed where they must. Both run in the main thread: the
kernel ends processes with the thread that started them.
"""

import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from daemons import KNOWN, MX, OVERRIDE, PLAIN, Daemon, World, fresh_domains
from lab import bad_dns, wait
from lab.bad_dns import Fault, record, wire_name
from lab.ca import CA
from lab.https import Answer
from lab.policy_domains import PATH
from lab.policy_server import PostfixClient
from lab.process import Process
from loads import SECURE, Loads
from plan import CROWDS, LISTENERS, Event

LOCK = """
import sqlite3, select, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
select.select([], [], [])
"""
STORES = {"milter": "tlsrpt.sqlite", "collector": "outbound.sqlite"}
LONGEST_STOP = 10.0  # seconds
RECOVERY = 180  # seconds; a resolver asks servers that were silent again after some time
ANYWHERE = "192.0.2.1"


def denied(question: bad_dns.Question) -> list[bytes]:
    """That there is no such name."""
    return [question.answer(rcode=3)]


def forged(question: bad_dns.Question) -> list[bytes]:
    """Records of an attacker, of the type that was asked for."""
    data = {"A": bytes(map(int, ANYWHERE.split("."))), "MX": b"\0\x0a" + wire_name("mx.attacker.test"),
            "TXT": b"\x10v=STSv1; id=evil"}.get(question.type)
    return [question.answer(answers=[record(question.name, question.type, data)] if data else [])]


RESOLVER: dict[str, Fault] = {"silent": bad_dns.silent, "servfail": bad_dns.servfail, "refused": bad_dns.refused,
                              "garbage": bad_dns.garbage, "denials": denied, "forged": forged}


class Chaos:
    def __init__(self, world: World, loads: Loads) -> None:
        self._world, self._loads = world, loads
        self._lab = world.lab
        self._endings: dict[Event, Callable[[], None]] = {}
        self._strangers = CA(self._lab.new_folder("ca"), "Unknown CA")
        self.failures: list[str] = []
        self.happened = 0

    def begin(self, event: Event) -> None:
        actions = {"kill": self._kill, "stop": self._stop, "hang": self._hang, "reload": self._reload, "crowd": self._crowd,
                   "disk-full": self._fill, "lock-store": self._lock, "resolver": self._spoil_names,
                   "policy-hosts": self._spoil_policies, "clock": self._step, "rotate": self._rotate,
                   "new-certificate": self._renew}
        self.happened += 1
        ending = actions[event.kind](event)
        if ending:
            self._endings[event] = ending

    def end(self, event: Event) -> None:
        if ending := self._endings.pop(event, None):
            ending()

    def stretch(self, connections: int) -> None:
        """Bring the largest crowds once, so that later ones need no more memory than these: an allocator keeps it."""
        for name in LISTENERS:
            for kind in CROWDS:
                self._crowd(Event(0, 0, "crowd", name, f"{connections} {kind}"))()

    def answers(self, daemon: Daemon) -> bool:
        """Whether it runs, and is not stopped."""
        return daemon.running() and not any(event.target == daemon.name and event.kind == "stop" for event in self._endings)

    def _daemon(self, event: Event) -> Daemon:
        return self._world.daemons[event.target]

    def _kill(self, event: Event) -> Callable[[], None]:
        if event.target == "postgres":
            self._world.postgres.kill()
            return self._world.postgres.start
        daemon = self._daemon(event)
        sessions, datagrams = self._world.sessions.get(daemon.name), self._world.datagrams.get(daemon.name)
        journalled = int(daemon.figures()["journal_records_total"]) if datagrams else 0
        if sessions:
            sessions.killed()  # before it is: a client may take the end of the process for the end of its session
        daemon.kill()
        if datagrams:
            datagrams.killed(journalled)
        if daemon is self._world.serve:
            self._loads.policies_may_be_forgotten()

        def start() -> None:
            daemon.start()
            if sessions:
                sessions.started()

        return start

    def _stop(self, event: Event) -> Callable[[], None]:
        if event.target == "postgres":
            self._world.postgres.stop()
            return self._world.postgres.start
        daemon = self._daemon(event)
        daemon.signal(signal.SIGSTOP)
        # Its end in the plan may be late, while the end of another event is waited for; mail servers do not wait so long.
        limit = threading.Timer(LONGEST_STOP, daemon.signal, [signal.SIGCONT])
        limit.start()

        def go_on() -> None:
            limit.cancel()
            limit.join()
            daemon.signal(signal.SIGCONT)

        return go_on

    def _hang(self, _: Event) -> Callable[[], None]:
        self._world.postgres.pause()
        return self._world.postgres.resume

    def _reload(self, event: Event) -> None:
        self._daemon(event).reload()

    def _crowd(self, event: Event) -> Callable[[], None]:
        number, kind = event.detail.split()
        daemon = self._daemon(event)
        place = getattr(daemon, "socket", None) or "inet:{}:{}".format(*daemon.address)
        crowd = Process([sys.executable, Path(__file__).with_name("crowd.py"), place, number, kind],
                        folder=self._lab.new_folder("crowd"), lab_folder=self._lab.folder)
        self._lab.at_end(crowd.kill)
        books = self._world.sessions.get(daemon.name)
        if books:
            books.crowd_comes()
        crowd.stdout.wait_for("open", process=crowd.popen)

        def go() -> None:
            crowd.kill()
            if books:
                books.crowd_goes()

        return go

    def _fill(self, _: Event) -> Callable[[], None]:
        on_it = [self._world.milter, self._world.collector]
        self._world.sessions["milter"].disk_full()
        self._world.volume.fill()

        def free() -> None:
            self._world.volume.free()
            for daemon in on_it:
                if daemon.running():
                    wait.until(lambda daemon=daemon: daemon.figures()["held_back_records"] == 0)
            self._world.sessions["milter"].disk_free()

        return free

    def _lock(self, event: Event) -> Callable[[], None]:
        within = self._world.volume.within
        file = self._world.volume.path / event.target / STORES[event.target]
        lock = Process([*within, sys.executable, "-c", LOCK, file], folder=self._lab.new_folder("lock"),
                       lab_folder=self._lab.folder)
        self._lab.at_end(lock.kill)
        lock.stdout.wait_for("locked", process=lock.popen)
        return lock.kill

    def _spoil_names(self, event: Event) -> Callable[[], None]:
        trouble = self._loads.trouble.__enter__()
        self._world.names.spoil("*", RESOLVER[event.target])

        def mend() -> None:
            self._world.names.mend("*")
            self._wait_for_answers(f"after the resolver's {event.target}")
            trouble.__exit__()

        return mend

    def _spoil_policies(self, event: Event) -> Callable[[], None]:
        trouble = self._loads.trouble.__enter__()
        web = self._world.web
        hosts = [f"mta-sts.{name}" for name in (*KNOWN, *fresh_domains())]
        text = {"Content-Type": "text/plain"}
        answers = {"hang": Answer(headers=text, hold=True), "error": Answer(503),
                   "trickle": Answer(headers=text, chunks=itertools.repeat(b"x"), pause=0.1),
                   "html": Answer(headers={"Content-Type": "text/html"}, body=b"<html>welcome</html>")}
        if event.target == "unknown-ca":
            certificate = self._strangers.issue("policies", sans=hosts)
            for host in hosts:
                web.add_host(host, certificate)
        else:
            for host in hosts:
                web.answer(host, PATH, answers[event.target])

        def mend() -> None:
            self._world.publish()
            # Fetches that hang have a place each until they end, and there are few places for hosts of one address.
            wait.until(lambda: self._world.serve.figures()["waiting_for_hosts"] == 0, RECOVERY)
            trouble.__exit__()

        return mend

    def _wait_for_answers(self, when: str) -> None:
        """Wait until `serve` answers what it should about domains of each kind."""
        wanted = {f"postfix {PLAIN[0]}": "NOTFOUND ", f"postfix {KNOWN[0]}": SECURE, f"sts {PLAIN[1]}": "NOTFOUND ",
                  f"postfix {PLAIN[1]}": "NOTFOUND ", f"postfix {KNOWN[1]}": SECURE, f"postfix {KNOWN[2]}": SECURE,
                  f"postfix {OVERRIDE}": SECURE}
        client = PostfixClient(*self._world.serve.address)
        try:
            for request, answer in wanted.items():
                wait.until_equal(lambda request=request: client.ask(request), answer, RECOVERY)
        except TimeoutError as error:
            self.failures.append(f"serve does not recover {when}: {error}")
        finally:
            client.close()

    def _step(self, event: Event) -> None:
        self._world.clock.step(int(event.detail.split()[0]))

    def _rotate(self, _: Event) -> None:
        log = self._world.mail_log
        old = log.with_name("mail.log.1")
        os.replace(log, old)
        self._world.mx.run("/usr/sbin/postfix", "-c", str(self._world.mx.config), "reload")
        wait.until(log.exists)

    def _renew(self, event: Event) -> None:
        if event.target == "mx":
            new = self._lab.ca.issue(MX)
            for now, then in ((self._world.certificate.key, new.key),
                              (self._world.certificate.certificate, new.certificate)):
                os.replace(then, now)
            self._world.mx.run("/usr/sbin/postfix", "-c", str(self._world.mx.config), "reload")
        else:
            self._world.publish()


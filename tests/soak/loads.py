"""What the daemons are given: sessions, datagrams, requests and mail, each by some threads that never stop.

    with Loads(world) as loads:
        loads.done()            units of work so far
        loads.pause()           all are idle, and have no connection open
        loads.go_on()
"""

import contextlib
import itertools
import random
import re
import select
import smtplib
import socket
import subprocess
import threading
import time
from collections.abc import Callable

from books import AnswerBooks, DatagramBooks, MailBooks, SessionBooks
from daemons import FRESH, KNOWN, LISTED, MX, OVERRIDE, PLAIN, Collector, Milter, World, fresh_domains
from lab import smtp_client, wait
from lab.collector import EXPIRED, datagram
from lab.milter_peer import END_OF_MESSAGE, HELO, MAIL, RCPT, TLS_HELO, Peer, connect, macros
from lab.policy_server import PostfixClient
from lab.program import path_of
from lab.smtp_client import Client, Scenario
from lab.smtp_dialogue import UnexpectedReply

MAX_LATE_CONTACTS = FRESH // 20
CLIENTS = 50  # of each thread, so that the store stops growing
DOMAINS = 200
# After so long `serve` answers that it is still looking: `answer_timeout`, and the patience of Sendmail.
PATIENCE_OF = {"postfix": 20.0, "sts": 4.0}  # seconds
SECURE = f"OK secure match={MX} servername=hostname"
# How long after its client a mail server may end a session; far longer than it takes.
LASTING = 20.0  # seconds
CLIENTS_WAIT = 100.0  # seconds for a reply; real ones wait for minutes (RFC 5321 section 4.5.3.2)
OUR_MX = macros(b"C", {b"j": MX.encode()})
# The sessions that a real mail server is given, with the messages that it accepts.
SCENARIOS: dict[Scenario, int] = {
    smtp_client.tls13_mail: 1, smtp_client.tls12_mail: 1, smtp_client.plaintext_mail: 1, smtp_client.two_mails: 2,
    smtp_client.reset_then_mail: 1, smtp_client.ehlo_quit: 0, smtp_client.tls_ehlo_quit: 0, smtp_client.unknown_ca_tls13: 0,
    smtp_client.handshake_then_quit: 0, smtp_client.starttls_then_close: 0, smtp_client.close_in_transaction: 0,
    smtp_client.rejected_recipients: 0}


class Trouble:
    """Whether names, or the policies of domains, can be looked up: if not, an answer may be a temporary failure."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0
        self._last = float("-inf")

    def __enter__(self) -> "Trouble":
        with self._lock:
            self._open += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._open -= 1
            self._last = time.monotonic()

    def was_since(self, begin: float) -> bool:
        with self._lock:
            return self._open > 0 or self._last >= begin


class Load(threading.Thread):
    """A thread that does one unit after another, unless it is paused. `pace` is the least time of a unit in seconds."""

    def __init__(self, name: str, unit: Callable[[], None], pace: float, close: Callable[[], None] = lambda: None) -> None:
        super().__init__(name=name, daemon=True)
        self.units = 0
        self.failure: BaseException | None = None
        self._unit, self._pace, self._close = unit, pace, close
        self._may_run, self.is_idle, self._ending = threading.Event(), threading.Event(), threading.Event()

    def run(self) -> None:
        try:
            while not self._ending.is_set():
                if not self._may_run.is_set():
                    self._close()
                    self.is_idle.set()
                    self._may_run.wait()
                    continue
                self._unit()
                self.units += 1
                self._ending.wait(self._pace)
        except Exception as failure:  # noqa: BLE001 the run reports it
            self.failure = failure
        finally:
            self._close()
            self.is_idle.set()

    def pause(self) -> None:
        if not self._may_run.is_set() or not self.is_alive():
            return  # it is idle, or will be
        self.is_idle.clear()
        self._may_run.clear()

    def go_on(self) -> None:
        self._may_run.set()  # is_idle stays until the next pause

    def end(self) -> None:
        self._ending.set()
        self._may_run.set()


class Loads:
    def __init__(self, world: World, seed: int, *, pace: float) -> None:
        """`pace` is the time between two units of a thread, in seconds; 0: as fast as possible."""
        self.world = world
        self.trouble = Trouble()
        self.answers, self.mail, self.received = AnswerBooks(), MailBooks(), MailBooks()
        self.progress = 0.0  # of the run, from 0 to 1
        self.seen: set[str] = set()  # fresh domains whose policy is in the cache
        # Fresh domains whose policy could not be fetched at the first contact. They get their mail as if they had none, until
        # serve tries again.
        self.not_found: set[str] = set()
        self.late_contacts = 0  # of them, how many without trouble: the policy hosts were too slow for serve's limits
        dice = [random.Random(f"load {seed} {number}") for number in range(20)]
        self.threads: list[Load] = []

        def add(name: str, unit: Callable[[], None], *, slower: float = 1,
                close: Callable[[], None] = lambda: None) -> None:
            self.threads.append(Load(name, unit, pace * slower, close))

        for milter in (world.milter, world.shared_milter):
            for number in range(2):
                sessions = DirectSessions(milter, world.sessions[milter.name], dice.pop(), number)
                add(f"sessions for {milter.name}", sessions.run)
        for daemon in (world.collector, world.shared_collector):
            results = Results(daemon, world.datagrams[daemon.name], dice.pop())
            add(f"datagrams for {daemon.name}", results.send)
            add(f"record for {daemon.name}", results.record, slower=50)
        for number in range(2):
            add("SMTP", SmtpSessions(world, self.received, dice.pop(), number).run, slower=4)
        for _ in range(3):
            asker = Questions(self, dice.pop())
            add("requests", asker.ask, close=asker.close)
        add("mail", OutboundMail(world, self.mail, self.trouble, dice.pop()).send, slower=10)

    def __enter__(self) -> "Loads":
        for load in self.threads:
            load.start()
        return self

    def __exit__(self, *_: object) -> None:
        for load in self.threads:
            load.end()
        for load in self.threads:
            load.join(wait.PATIENCE * 2)

    def done(self) -> int:
        return sum(load.units for load in self.threads)

    def warm_up(self) -> None:
        """Ask about the domains that are known from the beginning, until their policies are there."""
        asker = Questions(self, random.Random(0))
        with self.trouble:
            for domain in (*KNOWN, LISTED):
                for map_name in ("postfix", "sts"):
                    wait.until_equal(lambda domain=domain, map_name=map_name: asker.ask_for(map_name, domain), SECURE)
        asker.close()

    def pause(self) -> None:
        for load in self.threads:
            load.pause()
        for load in self.threads:
            if not load.is_idle.wait(wait.PATIENCE * 2):
                raise TimeoutError(f"{load.name}: a unit does not end")

    def go_on(self) -> None:
        for load in self.threads:
            load.go_on()

    def policies_may_be_forgotten(self) -> None:
        """`serve` was killed: it has what was in the file of its cache."""
        self.seen.clear()

    def ask_again(self) -> None:
        """For each domain whose policy was not found. Nothing goes wrong any more, and `serve` may try again."""
        asker = Questions(self, random.Random(0))
        with self.trouble:  # an answer before the new one is right
            for domain in list(self.not_found):
                with contextlib.suppress(TimeoutError):
                    wait.until_equal(lambda name=domain: asker.ask_for("postfix", name), SECURE, timeout=20)
        asker.close()

    def judge_first_contacts(self) -> list[str]:
        """What goes wrong, or a machine that is too busy, may make some fail, but each succeeds when `serve` tries again."""
        wrong = [f"serve: the policy of {domain} was not found, although nothing went wrong any more and it was due again"
                 for domain in self.not_found]
        if self.late_contacts > MAX_LATE_CONTACTS:
            wrong.append(f"serve: {self.late_contacts} domains were looked up in vain at the first contact")
        return wrong

    def failures(self) -> list[str]:
        return [f"the load '{load.name}' ended: {load.failure!r}" for load in self.threads if load.failure]


class DirectSessions:
    """The mail server's side of the milter protocol."""

    def __init__(self, milter: Milter, books: SessionBooks, dice: random.Random, number: int) -> None:
        self._milter, self._books, self._dice, self._number = milter, books, dice, number

    def run(self) -> None:
        # Without TLS and mail a session waits for the mail server's log, which says nothing of these.
        with_tls = self._dice.random() < 0.7
        messages = self._dice.choice((0, 1, 2)) if with_tls else self._dice.choice((1, 2))
        client = f"10.0.{self._number}.{self._dice.randrange(CLIENTS)}"
        session = self._books.begin(client, messages=messages)
        try:
            with Peer(self._milter) as peer:
                peer.negotiate()
                self._talk(peer, client, messages, with_tls=with_tls)
                peer.end()
        except (OSError, AssertionError):
            self._books.broken(session)
            select.select([], [], [], 0.02)  # it does not run now
        else:
            self._books.end(session)

    @staticmethod
    def _talk(peer: Peer, client: str, messages: int, *, with_tls: bool) -> None:
        DirectSessions._step(peer, OUR_MX, connect(client))
        DirectSessions._step(peer, HELO)
        if with_tls:
            DirectSessions._step(peer, TLS_HELO)
        for _ in range(messages):
            for packet in (MAIL, RCPT, END_OF_MESSAGE):
                DirectSessions._step(peer, packet)

    @staticmethod
    def _step(peer: Peer, *packets: bytes) -> None:
        if peer.step(*packets) != b"c":
            raise ConnectionError("the milter is gone")


class Results:
    """What Postfix sends to a collector, and what `record` does."""

    def __init__(self, daemon: Collector, books: DatagramBooks, dice: random.Random) -> None:
        self._daemon, self._books, self._dice = daemon, books, dice
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(str(daemon.socket))  # it stays: the socket is kept

    def send(self) -> None:
        """As Postfix does: where the queue is full, the datagram is lost, and the sender knows that."""
        text, key, count = self._one()
        with self._books.sending:
            try:
                self._socket.send(text)
            except BlockingIOError:
                self._books.refused()
                select.select([], [], [], 0.01)
            else:
                self._books.accept(key, count)

    def record(self) -> None:
        made = [self._one(malformed=False) for _ in range(20)]
        lines = b"".join(text + b"\n" for text, _, _ in made)
        with self._books.sending:
            life = self._daemon.lives
            done = subprocess.run([path_of("tlsrpt-collector"), "record", "-q", "-s", f"unix:{self._daemon.socket}"],
                                  input=lines, capture_output=True, timeout=wait.PATIENCE * 2, check=False)
            take = self._books.accept if done.returncode == 0 and life == self._daemon.lives else self._books.uncertain
            for _, key, count in made:
                take(key, count)

    def _one(self, *, malformed: bool = True) -> tuple[bytes, str, tuple[int, int]]:
        if malformed and self._dice.random() < 0.02:
            return b'{"d": [' * self._dice.randrange(1, 5), "malformed", (1, 0)
        domain = f"d{self._dice.randrange(DOMAINS)}.example"
        if self._dice.random() < 0.2:
            return datagram(domain, failure=EXPIRED), domain, (0, 1)
        return datagram(domain), domain, (1, 0)


class SmtpSessions:
    """Clients of a real mail server with both milters."""

    def __init__(self, world: World, mail: MailBooks, dice: random.Random, number: int) -> None:
        self._world, self._mail, self._dice = world, mail, dice
        self._sources = itertools.cycle([world.lab.address() for _ in range(20)])
        self._number = number

    def run(self) -> None:
        scenario, messages = self._dice.choice(list(SCENARIOS.items()))
        mx = self._world.mx
        client = Client(mx.address, mx.port, source=next(self._sources), timeout=CLIENTS_WAIT)
        sessions = [(books, books.begin(client.source, messages=messages, lasting=LASTING))
                    for books in self._world.sessions.values()]
        try:
            scenario(client)
        except (UnexpectedReply, OSError) as trouble:
            self._mail.delayed(f"mx: {scenario.__name__}: {trouble!r}", is_excused=False)
            for books, session in sessions:
                books.broken(session)
        else:
            self._mail.sent()
            for books, session in sessions:
                books.end(session)


class Questions:
    """A mail server's requests to `serve`, and what is right."""

    def __init__(self, loads: "Loads", dice: random.Random) -> None:
        self._loads, self._dice = loads, dice
        self._books, self._trouble = loads.answers, loads.trouble
        self._client = PostfixClient(*loads.world.serve.address)
        self._fresh = fresh_domains()

    def close(self) -> None:
        self._client.close()

    def ask(self) -> None:
        domain = self._dice.choice((*KNOWN, *PLAIN, OVERRIDE, LISTED, self._next_fresh()))
        self.ask_for(self._dice.choice(("postfix", "sts")), domain)

    def ask_for(self, map_name: str, domain: str) -> str:
        begin = time.monotonic()
        try:
            answer = self._client.ask(f"{map_name} {domain}")
        except (EOFError, OSError) as gone:
            answer = f"nothing: {gone!r}"
        in_trouble = self._trouble.was_since(begin)
        is_right, is_excused = self._judge(map_name, domain, answer, in_trouble=in_trouble)
        is_excused |= answer.startswith("TEMP ") and time.monotonic() - begin >= PATIENCE_OF[map_name]
        self._books.take(f"{map_name} {domain}", answer, is_right=is_right, is_excused=is_excused, at=self._loads.progress)
        return answer

    def _next_fresh(self) -> str:
        """Each is asked for the first time at some time of the run, and then again and again."""
        newest = min(int(self._loads.progress * FRESH), FRESH - 1)
        return self._fresh[newest if self._dice.random() < 0.5 else self._dice.randint(0, newest)]

    def _judge(self, map_name: str, domain: str, answer: str, *, in_trouble: bool) -> tuple[bool, bool]:
        """Whether it is right, and else, whether that is as documented."""
        may_wait = answer.startswith("TEMP ")
        if domain in PLAIN:
            return answer == "NOTFOUND ", in_trouble and (may_wait or (map_name == "postfix" and answer == "OK dane"))
        if domain == OVERRIDE:
            return answer == SECURE, False  # it needs no name server
        if domain in KNOWN or domain == LISTED:
            return answer == SECURE, in_trouble and may_wait  # never less than what is known
        if answer == SECURE:
            self._loads.seen.add(domain)
            self._loads.not_found.discard(domain)
            return True, False
        if domain in self._loads.seen:
            return False, in_trouble and may_wait
        as_without_policy = answer in ("NOTFOUND ", "OK dane")
        if domain not in self._loads.not_found and (in_trouble or as_without_policy):
            self._loads.not_found.add(domain)
            self._loads.late_contacts += not in_trouble
        return False, domain in self._loads.not_found and (may_wait or as_without_policy)


class OutboundMail:
    """A real Postfix that asks `serve` which TLS a domain demands, and delivers to the mail server with the milters."""

    def __init__(self, world: World, mail: MailBooks, trouble: Trouble, dice: random.Random) -> None:
        self._world, self._mail, self._trouble, self._dice = world, mail, trouble, dice

    def send(self) -> None:
        domain = self._dice.choice((*KNOWN, *PLAIN, OVERRIDE, LISTED))
        sender = self._world.sender
        begin = time.monotonic()
        mark = sender.log.mark()
        try:
            queue_id = sender.submit("alice@sender.test", f"bob@{domain}")
        except (OSError, smtplib.SMTPException) as refused:
            self._mail.delayed(f"the sending Postfix: {refused!r}", is_excused=False)
            return
        pattern = rf"/\w+\[\d+\]: {queue_id}: to=.* status=(\w+)(.*)"
        while True:
            found = sender.log.wait_for(pattern, wait.PATIENCE * 2, since=mark)
            if found[1] == "sent":
                break
            is_excused = domain != OVERRIDE and self._trouble.was_since(begin) and bool(
                re.search("TLS|suspended", found[2]))
            self._mail.delayed(f"to {domain}: {found[2]}", is_excused=is_excused)
            text = sender.log.text(mark)
            mark += len(text[:text.index(found.string)].encode()) + len(found.string.encode()) + 1
        self._mail.sent()

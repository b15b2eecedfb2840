"""What each daemon was given, and what must be in its store: each of it once.

    books = SessionBooks()
    session = books.begin("10.0.0.7", messages=1)
    books.end(session)                      the client saw its end
    books.killed()                          the daemon is about to be: what may not be recorded is uncertain from here on
    books.judge(stored)                     what is wrong, as sentences

Something is uncertain only where the manual says so: what the daemon was doing when it was killed, what waited in memory
while the disk was full, and what a mail server did while no milter ran. It may be in the store once, or not at all. All
else must be there exactly once.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Count = tuple[int, int]  # sessions and messages, or successful and failed ones
NOTHING: Count = (0, 0)
MANY = 20  # of sentences that say the same


def plus(a: Count, b: Count) -> Count:
    return a[0] + b[0], a[1] + b[1]


@dataclass
class Totals:
    """By key, what must be in the store, and what may be there as well."""
    certain: dict[str, Count] = field(default_factory=dict)
    maybe: dict[str, Count] = field(default_factory=dict)

    def add(self, key: str, count: Count, *, certain: bool) -> None:
        to = self.certain if certain else self.maybe
        to[key] = plus(to.get(key, NOTHING), count)

    def judge(self, what: str, stored: Mapping[str, Count]) -> list[str]:
        """Sentences about keys that have too little or too much."""
        wrong = []
        for key in sorted(self.certain.keys() | self.maybe.keys() | stored.keys()):
            least = self.certain.get(key, NOTHING)
            most = plus(least, self.maybe.get(key, NOTHING))
            found = stored.get(key, NOTHING)
            if not (least[0] <= found[0] <= most[0] and least[1] <= found[1] <= most[1]):
                wrong.append(f"{what}: {key} is there {found}, and must be from {least} to {most}")
        return wrong[:MANY] + ([f"{what}: and {len(wrong) - MANY} more"] if len(wrong) > MANY else [])

    def describe(self, stored: Mapping[str, Count]) -> str:
        given = sum(count[0] for count in self.certain.values())
        maybe = sum(count[0] for count in self.maybe.values())
        return f"{given} certain, {maybe} uncertain, {sum(count[0] for count in stored.values())} in the store"


@dataclass
class Session:
    key: str
    count: Count  # with its messages
    begun: float
    lasting: float  # for how long after its end, as the client saw it, it may not be recorded yet
    ended: float = 0.0


class SessionBooks:
    """Of a milter. `end` of a session that a mail server had, which ends it some time after the client, has `lasting`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._totals = Totals()
        self._recent: list[Session] = []  # that have ended, and that a kill could cost
        self._downs: list[list[float]] = []  # from a kill to the next start
        self._crowds: list[list[float]] = []
        self._in_memory_since: float | None = None  # since when the disk is full

    def begin(self, key: str, *, messages: int, lasting: float = 0.0) -> Session:
        return Session(key, (1, messages), self._clock(), lasting)

    def end(self, session: Session) -> None:
        """The client saw its end, and the milter did if it ran all the time."""
        session.ended = self._clock()
        with self._lock:
            # A mail server does not wait for a place in a full queue of connections: it goes on without the milter.
            unseen = self._downs + (self._crowds if session.lasting else [])
            if any(session.begun <= end and session.ended >= begin for begin, end in unseen):
                self._totals.add(session.key, session.count, certain=False)
            else:
                self._recent.append(session)

    def broken(self, session: Session) -> None:
        """The client lost its connection."""
        with self._lock:
            self._totals.add(session.key, session.count, certain=False)

    def killed(self) -> None:
        now = self._clock()
        with self._lock:
            for session in self._recent:
                self._totals.add(session.key, session.count, certain=not self._is_at_risk(session, now))
            self._recent.clear()
            self._downs.append([now, float("inf")])

    def started(self) -> None:
        with self._lock:
            if self._downs:
                self._downs[-1][1] = self._clock()

    def crowd_comes(self) -> None:
        with self._lock:
            self._crowds.append([self._clock(), float("inf")])

    def crowd_goes(self) -> None:
        with self._lock:
            self._crowds[-1][1] = self._clock()

    def disk_full(self) -> None:
        with self._lock:
            self._in_memory_since = self._clock()

    def disk_free(self) -> None:
        """And nothing waits in memory any more."""
        with self._lock:
            self._in_memory_since = None

    def settle(self) -> None:
        """Keep no longer in mind what is in the journal."""
        now = self._clock()
        with self._lock:
            if self._in_memory_since is None:
                recent, self._recent = self._recent, []
                for session in recent:
                    if self._is_at_risk(session, now):
                        self._recent.append(session)
                    else:
                        self._totals.add(session.key, session.count, certain=True)

    def closed(self) -> Totals:
        """When nothing can go wrong any more."""
        with self._lock:
            for session in self._recent:
                self._totals.add(session.key, session.count, certain=True)
            self._recent.clear()
            return self._totals

    def _is_at_risk(self, session: Session, now: float) -> bool:
        return session.ended + session.lasting > now or (
            self._in_memory_since is not None and session.ended >= self._in_memory_since)


class DatagramBooks:
    """Of a collector: what the kernel has accepted, in this order.

    The first ones of a daemon's life are in its journal, as many as it counts. Of the others a kill may cost those that it
    had taken from the socket and not written; the next daemon finds the rest in the socket.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sending = threading.Lock()  # held by who sends, so that the order is known
        self._totals = Totals()
        self._sent: deque[tuple[str, Count]] = deque()  # that are not known to be in the journal
        self._settled = 0  # of this life
        self._left = 0  # at most so many of earlier lives are taken before those of this one
        self.accepted = 0
        self.full = 0  # the kernel took none, since the queue was full

    def accept(self, key: str, count: Count) -> None:
        with self._lock:
            self._sent.append((key, count))
            self.accepted += 1

    def uncertain(self, key: str, count: Count) -> None:
        """It was sent while the daemon was killed, one cannot know when."""
        with self._lock:
            self._totals.add(key, count, certain=False)
            self._left += 1

    def refused(self) -> None:
        with self._lock:
            self.full += 1

    def settle(self, journalled: int) -> None:
        """Of those that this daemon was given, at least so many are in its journal."""
        with self._lock:
            self._settle(journalled)

    def killed(self, journalled: int) -> None:
        with self._lock:
            self._settle(journalled)
            self._left = max(0, self._left + self._settled + len(self._sent) - journalled)
            for key, count in self._sent:
                self._totals.add(key, count, certain=False)
            self._sent.clear()
            self._settled = 0

    def _settle(self, journalled: int) -> None:
        while self._sent and self._settled < journalled - self._left:
            self._totals.add(*self._sent.popleft(), certain=True)
            self._settled += 1

    def closed(self) -> Totals:
        with self._lock:
            for key, count in self._sent:
                self._totals.add(key, count, certain=True)
            self._sent.clear()
            return self._totals


@dataclass
class AnswerBooks:
    """Of `serve`: what was asked and what it answered."""
    right: int = 0
    temporary: int = 0  # while the names could not be looked up, as documented
    wrong: list[str] = field(default_factory=list)
    kinds: Counter = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, question: str, answer: str, *, is_right: bool, is_excused: bool, at: float) -> None:
        """`at` is the part of the run that is over, from 0 to 1."""
        with self.lock:
            self.kinds[question.partition(" ")[0], answer.partition(" ")[0]] += 1
            if is_right:
                self.right += 1
            elif is_excused:
                self.temporary += 1
            else:
                self.wrong.append(f"serve, after {at:.1%} of the run: '{question}' was answered '{answer}'")


@dataclass
class MailBooks:
    """Of mail that Postfix sent with the policies of `serve`, or received through the milters."""
    done: int = 0
    excused: list[str] = field(default_factory=list)  # deferred while the names could not be looked up
    deferred: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sent(self) -> None:
        with self.lock:
            self.done += 1

    def delayed(self, line: str, *, is_excused: bool) -> None:
        with self.lock:
            (self.excused if is_excused else self.deferred).append(line)

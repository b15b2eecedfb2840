"""Failed handshakes of submission in the mail server's log are not the MX's, whatever the name of the service."""

import time
import unittest
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lab import Lab
from lab.postfix import Listener
from lab.sendmail import SendmailReceiver
from lab.smtp_client import IMPLICIT_TLS_SCENARIOS, SCENARIOS
from lab.smtp_dialogue import Client
from recording import QUICK, Milter, receiver
from test_classification import NO_NAMES
from test_mta_log import settled

WITHOUT_MILTER = {"smtpd_milters": ""}


@dataclass
class Service:
    """An smtpd by its syslog_name. `is_mx`: on a port that is recorded."""
    name: str
    is_mx: bool = False
    implicit_tls: bool = False
    parameters: Mapping[str, object] = field(default_factory=dict)
    listener: Listener | None = None
    port: int = 0

    def listen(self, lab: Lab) -> Listener:
        address = lab.address()
        self.port = lab.smtp_port if self.is_mx else lab.free_port(address)
        own = {"syslog_name": self.name} | dict(self.parameters)
        self.listener = Listener(address, self.port, lab.ca.issue("mx.example.test"), self.implicit_tls, own)
        return self.listener

    def fail(self, lab: Lab) -> str:
        """A handshake that fails there; returns the client's address."""
        one = Client(self.listener.address, self.listener.port, source=lab.address())
        if self.implicit_tls:
            IMPLICIT_TLS_SCENARIOS["implicit_tls_refused"](one)
        else:
            SCENARIOS["unknown_ca_tls13"](one)
        return one.source


class Started:
    """A Postfix with these services, and a milter that does not record the ports of those that are no MX."""

    def __init__(self, lab: Lab, services: Sequence[Service], **settings: object) -> None:
        self.lab, self.services = lab, services
        self.socket = f"unix:{lab.new_folder('socket')}/milter"
        listeners = [service.listen(lab) for service in services]
        log = lab.new_folder("log") / "mail.log"
        log.touch()
        ports = [service.port for service in services if not service.is_mx]
        self.settings = QUICK | {"mta_log": log, "exclude_ports": ports} | settings
        self.milter = Milter(lab, socket=self.socket, settings=self.settings)
        second = int(time.time())
        self.mx = receiver(lab, listeners=listeners, parameters=NO_NAMES | {
            "smtpd_milters": self.socket, "milter_default_action": "accept", "maillog_file": log})
        # Postfix' timestamps have whole seconds: if a session began in the same second as the milter, the order of the
        # two is unknown. What is waited for is the clock itself.
        while int(time.time()) == second:
            time.sleep(1 - time.time() % 1)

    def fail(self, services: Sequence[Service]) -> dict[str, Service]:
        """A handshake that fails at each, by the client's address, when the log has them all."""
        sources = {service.fail(self.lab): service for service in services}
        for source in sources:
            self.mx.log.wait_for(rf"disconnect from .*\[{source}\]")
        return sources

    def counted(self) -> set[str]:
        """The clients whose handshakes are counted as failed, once no failure waits any more."""
        rows = settled(self.lab, self.milter, self.mx, **{"mta_log": self.mx.log.path})
        return {address for address, of_client in rows.items() for row in of_client if row.outcome == "failed"}


class Postfix(unittest.TestCase):
    MX = ("postfix", "postfix-in", "postfix-mx2")

    def assert_counted(self, services: Sequence[Service]) -> None:
        with Lab() as lab:
            started = Started(lab, services)
            sources = started.fail(services)
            counted = [sources[source] for source in started.counted()]
            self.assertEqual([service.name for service in counted if not service.is_mx], [])
            self.assertEqual({service.name for service in counted},
                             {service.name for service in services if service.is_mx})

    def test_submission_with_the_milter_is_recognized_by_its_port(self) -> None:
        submission = ("postfix-submission", "postfix/587", "postfix/submission", "inbound")
        self.assert_counted([*(Service(name, is_mx=True) for name in self.MX), *map(Service, submission)])

    def test_submission_without_the_milter_is_recognized_by_its_absence(self) -> None:
        submission = ("postfix-submission", "postfix/587", "postfix", "mail")
        self.assert_counted([*(Service(name, is_mx=True) for name in self.MX),
                             *(Service(name, parameters=WITHOUT_MILTER) for name in submission)])

    def test_ports_where_tls_begins_at_once_are_for_submission(self) -> None:
        names = ("postfix-smtps", "postfix/465", "postfix/submissions", "postfix", "postfix-in")
        self.assert_counted([*(Service(name, is_mx=True) for name in self.MX),
                             *(Service(name, implicit_tls=True) for name in names),
                             *(Service(name, implicit_tls=True, parameters=WITHOUT_MILTER) for name in names)])

    def test_services_are_recognized_also_while_the_milter_was_down(self) -> None:
        with Lab() as lab:
            services = [Service("postfix-in", is_mx=True), Service("postfix-out"), Service("postfix-new", is_mx=True),
                        Service("postfix", parameters=WITHOUT_MILTER)]
            started = Started(lab, services)
            known = [services[0], services[1], services[3]]
            before = started.fail(known)
            started.milter.stop()
            meanwhile = started.fail(services)
            started.milter = Milter(lab, state=started.milter.state, socket=started.socket, settings=started.settings)
            counted = started.counted()
            self.assertEqual([before[source].name for source in counted if source in before], ["postfix-in"])
            self.assertEqual([meanwhile[source].name for source in counted if source in meanwhile], ["postfix-in"])

    def test_what_is_not_counted_is_logged_and_can_be_configured(self) -> None:
        services = [Service("postfix-in", is_mx=True), Service("postfix/465", implicit_tls=True),
                    Service("relay", parameters=WITHOUT_MILTER)]
        expected = {(): {"postfix-in"}, ("postfix-in", "postfix/465"): {"postfix-in", "postfix/465"},
                    ("postfix/465/smtpd", "Relay"): {"postfix/465", "relay"}}
        for wanted, counted in expected.items():
            with self.subTest(wanted), Lab() as lab:
                started = Started(lab, services, mta_log_services=wanted)
                sources = started.fail(services)
                self.assertEqual({sources[source].name for source in started.counted()}, counted)
                log = started.milter.stderr.text()
                self.assertEqual("at 'postfix/465', where TLS begins at once" in log, not wanted, log)

    def test_services_can_be_excluded_by_name(self) -> None:
        services = [Service("postfix-in", is_mx=True), Service("postfix-mx2", is_mx=True)]
        with Lab() as lab:
            started = Started(lab, services, exclude_mta_log_services=["postfix-mx2"])
            sources = started.fail(services)
            self.assertEqual({sources[source].name for source in started.counted()}, {"postfix-in"})


class Sendmail(unittest.TestCase):
    """The log names the daemon; all of them have the same program."""

    def test_submission_is_recognized_by_the_daemon(self) -> None:
        with Lab() as lab:
            socket = f"unix:{lab.new_folder('socket')}/milter"
            address = lab.address()
            ports = {name: lab.free_port(address) for name in ("MSA", "Second", "Unwatched", "Users")}
            daemons = "".join(f"DAEMON_OPTIONS(`Port={port}, Addr={address}, Name={name}"
                              f"{', InputMailFilters=' if name == 'Unwatched' else ''}')dnl\n"
                              for name, port in ports.items())
            mx = SendmailReceiver(lab, "mx.example.test", ["example.test"], lab.ca.issue("mx.example.test"),
                                  milters={"tlsrpt": socket.replace("unix:", "local:")}, macros=daemons)
            milter = Milter(lab, socket=socket, settings=QUICK | {
                "mta_log": mx.log.path, "exclude_ports": [ports["Users"], mx.implicit_tls_port]})
            places = {"MTA": (mx.address, mx.port), "TLSMTA": (mx.address, mx.implicit_tls_port)}
            places |= {name: (address, port) for name, port in ports.items()}
            sources = {}
            for name, (host, port) in places.items():
                one = Client(host, port, source=lab.address())
                scenario = IMPLICIT_TLS_SCENARIOS["implicit_tls_refused"] if name == "TLSMTA" else \
                    SCENARIOS["unknown_ca_tls13"]
                scenario(one)
                mx.log.wait_for(rf"\[{one.source}\].* did not issue MAIL.* to {name}")
                sources[one.source] = name
            rows = settled(lab, milter, mx)
            counted = {sources[address] for address, of_client in rows.items() for row in of_client
                       if row.outcome == "failed"}
            self.assertEqual(counted, {"MTA", "Second"})


if __name__ == "__main__":
    unittest.main()

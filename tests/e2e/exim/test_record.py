"""A real Exim reports how TLS ended to tlsrpt-collector, with the script and the setting of docs/exim.md."""

import shlex
import unittest

from lab import Lab, documents, unpacked
from lab.collector import Collector, rows
from lab.exim import EximSender
from lab.mx_hosts import MxHosts
from lab.program import path_of

GUIDE, SECTION = "docs/exim.md", "Record the results of outbound mail"
SCRIPT = "/usr/local/sbin/tlsrpt-exim"


class Record(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.hosts = MxHosts(self.lab)
        (self.text,) = [block for block in documents.blocks(GUIDE, SECTION) if block.startswith("#!/bin/sh")]
        (self.action,) = [block.strip() for block in documents.blocks(GUIDE, SECTION) if block.startswith("event_action")]

    def start(self, *, require_tls: str = "", macros: tuple[str, ...] = ()) -> None:
        folder = self.lab.new_folder("run")
        folder.chmod(0o755)
        self.collector = Collector(self.lab, socket=folder / "collector.sock", settings={"socket_mode": "0666"}, metrics=True)
        script = self.lab.new_folder("sbin") / "tlsrpt-exim"
        script.parent.chmod(0o755)
        action = self.action.replace(SCRIPT, str(script))
        self.mta = EximSender(self.lab, self.hosts.dns(), split=True, included=bool(macros), macros=[
            *(f"{name} = {action.removeprefix('event_action = ')}" for name in macros),
            *([f"REMOTE_SMTP_HOSTS_REQUIRE_TLS = {require_tls}"] if require_tls else [])])
        program = unpacked.with_libraries(path_of("tlsrpt-collector"), self.lab.new_folder("libraries") / "lib")
        command = shlex.join([*program, "record", "-s", f"unix:{self.collector.socket}"])
        text = self.text.replace("/usr/sbin/tlsrpt-collector record", command)
        self.assertIn(command, text)
        script.write_text(text)
        script.chmod(0o755)
        file = self.mta.etc / "exim4/conf.d/transport/30_exim4-config_remote_smtp"
        file.write_text(file.read_text().replace("  driver = smtp\n", f"  driver = smtp\n  {action}\n  tls_verify_hosts = *.wrong.test\n"
                                                                       "  tls_verify_cert_hostnames = *.wrong.test\n"))
        self.mta.update()

    def deliver(self, domain: str, *, results: int, status: str = "sent") -> None:
        before = self.collector.metrics()["datagrams_total"]
        delivery = self.mta.deliver("alice@sender.test", f"bob@{domain}")
        self.assertEqual(delivery.status, status, delivery.lines)
        self.assertNotIn("event_action", "\n".join(delivery.lines))
        self.collector.wait_for_metric("datagrams_total", before + results)

    def counted(self) -> list[tuple]:
        self.assertEqual(self.collector.stop(), 0)
        return rows(self.collector.state, """
            SELECT c.domain, c.policy_type, c.successful, c.failed, coalesce(f.result_type, ''),
                   coalesce(f.receiving_mx_hostname, '')
            FROM outbound_counts AS c LEFT JOIN outbound_failures AS f USING (day, policy) ORDER BY c.domain""")

    def test_how_each_handshake_ended(self) -> None:
        issue = self.lab.ca.issue
        self.hosts.receiver(["good.test", "other.test"], issue("mx.good.test"))
        self.hosts.receiver(["plain.test"], None)
        self.hosts.receiver(["required.test"], None)
        self.hosts.receiver(["wrong.test"], issue("mx.elsewhere.test"))
        self.start(require_tls="*.required.test : *.wrong.test")
        self.deliver("good.test", results=1)
        self.deliver("plain.test", results=1)
        self.deliver("required.test", results=1, status="deferred")
        self.deliver("wrong.test", results=1, status="deferred")
        before = self.collector.metrics()["datagrams_total"]
        self.mta.submit("alice@sender.test", "bob@good.test", "eve@good.test", "bob@other.test")
        self.collector.wait_for_metric("datagrams_total", before + 3)
        self.assertEqual(self.counted(), [
            ("good.test", "", 3, 0, "", ""),
            ("other.test", "", 1, 0, "", ""),
            ("plain.test", "no-policy-found", 0, 1, "starttls-not-supported", "mx.plain.test"),
            ("required.test", "", 0, 1, "starttls-not-supported", "mx.required.test"),
            ("wrong.test", "", 0, 1, "validation-failure", "mx.wrong.test")])

    def test_mail_waits_for_no_collector(self) -> None:
        self.hosts.receiver(["good.test"], self.lab.ca.issue("mx.good.test"))
        self.start()
        self.deliver("good.test", results=1)
        self.collector.kill()
        delivery = self.mta.deliver("alice@sender.test", "bob@good.test")
        self.assertEqual(delivery.status, "sent", delivery.lines)

    def test_also_of_mail_to_domains_with_a_policy(self) -> None:
        issue = self.lab.ca.issue
        self.hosts.receiver(["right.test"], issue("mx.right.test"))
        self.hosts.receiver(["wrong.test"], issue("mx.elsewhere.test"))
        policies = self.lab.new_folder("policies") / "map"
        policies.parent.chmod(0o755)
        policies.write_text("".join(f"{name}.test: secure match=mx.{name}.test\n" for name in ("right", "wrong")))
        self.start(macros=("STARTTLS_EVENT_ACTION",))
        main = self.mta.etc / "exim4/conf.d/main/000_localmacros"
        main.write_text(main.read_text() + f"STARTTLS_MAP = lsearch{{{policies}}}\n")
        self.mta.update()
        self.deliver("right.test", results=1)
        self.deliver("wrong.test", results=1, status="deferred")
        self.assertEqual(self.counted(), [("right.test", "", 1, 0, "", ""),
                                          ("wrong.test", "", 0, 1, "validation-failure", "mx.wrong.test")])


if __name__ == "__main__":
    unittest.main()

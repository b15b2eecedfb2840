"""The Debian packages on a booted system with Debian's Postfix: what README and docs/packages.md say of them."""

import datetime
import json
import re
import tempfile
import unittest
from pathlib import Path

import box
import destination
import packages
from box import Box
from destination import Destination
from lab import policy_server, wait
from lab.documents import Steps
from repeated import Repeated

MILTER, SERVE, SOCKET = "tlsrpt-milter.service", "starttls-listtool-serve.service", "starttls-listtool-serve.socket"
RECEIVE, COLLECTOR = "starttls-listtool-publish-receive.service", "tlsrpt-collector.service"
REPORT_RECEIVE = "tlsrpt-report-receive.service"
TIMERS = ("starttls-listtool-update.timer", "starttls-listtool-check.timer", "starttls-listtool-publish.timer",
          "tlsrpt-report-send.timer", "tlsrpt-report-outbound.timer", "tlsrpt-report-queue.timer")
PREVIOUS = "0.1.9"
PLAIN_MAIL = "Subject: hello\n\nhello\n"
# What a package manager, a mail server and a booted system write by themselves.
NOT_OURS = re.compile(r"/(var/(log|cache|tmp|mail)|var/spool/postfix/(active|defer|deferred|incoming|maildrop|hold|"
                      r"corrupt|bounce|saved|flush|trace|private|public|pid|etc|lib|usr)|"
                      r"var/lib/(dpkg|apt|postfix|unbound|systemd/(catalog|random-seed|timesync|linger))|packages|"
                      r"etc/(passwd|group|shadow|gshadow)-|etc/\.pwd\.lock|root)(/|$)")


def setUpModule() -> None:
    box.require()


class Life(unittest.TestCase):
    """One system, from the installation to the removal."""

    def test_from_the_installation_of_an_older_version_to_the_removal(self) -> None:
        self.documented = Steps("docs/packages.md")
        with Box() as system, tempfile.TemporaryDirectory() as folder:
            self.box, self.destination = system, Destination(system)
            system.install_mail_server("postfix")
            before, users = self.files(), self.users()
            packages.install(system, packages.with_version(PREVIOUS, Path(folder)), "/packages/previous")
            system.copy(packages.built(), "/packages/current")
            self.the_milter_runs_and_nothing_else()
            self.configure()
            self.mail_comes_in()
            self.mail_goes_out_over_verified_tls_or_waits()
            self.an_upgrade_keeps_everything_and_misses_nothing()
            self.reports_about_a_published_list_are_taken()
            self.what_was_backed_up_can_be_restored()
            self.without_the_programs_mail_flows_and_data_stay()
            self.a_purge_removes_all_but_the_users(before, users)
            self.assertEqual(self.documented.remaining(), ["packaging/install-packages build"])

    def files(self) -> set[str]:
        found = self.box.run("find / -xdev -printf '%y %p\\n'").stdout.splitlines()
        return {line for line in found if not NOT_OURS.match(line[2:])}

    def users(self) -> set[str]:
        return set(self.box.run("cat /etc/passwd /etc/group").stdout.splitlines())

    def versions(self) -> dict[str, str]:
        lines = self.box.run("dpkg-query --show 'starttls-*' 'tlsrpt-*'").stdout.splitlines()
        return dict(line.split("\t") for line in lines)

    def summary(self) -> dict:
        done = self.box.run("tlsrpt-report --json summary", check=False)
        return json.loads(done.stdout)["total"] if done.returncode == 0 else {}

    def the_milter_runs_and_nothing_else(self) -> None:
        self.assertEqual(set(self.versions().values()), {PREVIOUS})
        self.assertEqual(self.box.run(f"systemctl is-enabled {MILTER}").stdout, "enabled\n")
        self.assertEqual(self.box.state(MILTER), "active")
        for unit in (SERVE, SOCKET, RECEIVE, REPORT_RECEIVE, COLLECTOR, *TIMERS):
            with self.subTest(unit):
                self.assertEqual(self.box.run(f"systemctl is-enabled {unit}", check=False).stdout, "disabled\n")
                self.assertEqual(self.box.state(unit), "inactive")
        for name in ("tlsrpt.toml", "listtool.toml"):
            mode = self.box.run(f"stat -c '%a %U:%G' /etc/starttls-toolkit/{name}").stdout
            self.assertEqual(mode, "644 root:root\n")
        mode = self.box.run("stat -c '%a %U:%G' /etc/starttls-toolkit").stdout
        self.assertEqual(mode, "2755 root:starttls-toolkit\n")
        self.assertEqual(self.box.run("systemctl --failed --quiet --plain").stdout, "")

    def configure(self) -> None:
        steps = Steps("README.md", "Postfix in a few lines")
        self.box.run(steps.take("systemctl enable --now tlsrpt-milter"))
        self.box.run(steps.take("touch "))

    def mail_comes_in(self) -> None:
        self.box.send(f"root@{box.HOSTNAME}", PLAIN_MAIL)
        wait.until(lambda: self.summary().get("tls") == 1, 60)

    def mail_goes_out_over_verified_tls_or_waits(self) -> None:
        self.destination.create()
        self.box.run("printf 'dest.example enforce mx.dest.example\\nother.example enforce mx.elsewhere.example\\n' "
                     ">/etc/starttls-toolkit/overrides")
        self.box.configure("/etc/starttls-toolkit/listtool.toml", 'overrides = "overrides"\n')
        self.box.run(f"systemctl reload {SERVE}")
        for domain, status in {"dest.example": "sent", "other.example": "deferred"}.items():
            with self.subTest(domain):
                self.box.run(f"sendmail anna@{domain}", content=PLAIN_MAIL)
                wait.until(lambda domain=domain: self.destination.status_of_mail_to(f"anna@{domain}") != "", 60)
                self.assertEqual(self.destination.status_of_mail_to(f"anna@{domain}"), status)
        log = "\n".join(self.box.journal("-b", "-t", "postfix/smtp"))
        self.assertIn(f"Verified TLS connection established to {destination.NAME}", log)
        self.assertIn("Server certificate not verified", log)
        self.box.run("postsuper -d ALL")

    def an_upgrade_keeps_everything_and_misses_nothing(self) -> None:
        wait.until(lambda: self.summary().get("tls") == 1, 60)
        own = self.box.run("cat /etc/starttls-toolkit/*").stdout
        logged = len(self.box.journal("-b", "-t", "postfix/smtp"))
        # Sessions, mails to send, and questions of a client that keeps its connection and of one that does not.
        kept, new = (policy_server.PostfixClient("127.0.0.1", 8461) for _ in range(2))
        with (Repeated(lambda: self.box.send(f"root@{box.HOSTNAME}", PLAIN_MAIL)) as sessions,
              Repeated(self.send_to_destination) as mails,
              Repeated(lambda: self.ask(kept)) as questions,
              Repeated(lambda: self.ask(new, close=True)) as connections):
            upgrade = packages.renamed(self.documented.take("apt install").strip(), "/packages/current")
            self.box.run(upgrade, timeout=300)
            for each in (sessions, mails, questions, connections):
                each.wait_for_another()
        kept.close()
        self.assertNotIn(PREVIOUS, self.versions().values())
        self.assertEqual(self.box.run("cat /etc/starttls-toolkit/*").stdout, own)
        for unit in (MILTER, SERVE, SOCKET):
            self.assertEqual(self.box.state(unit), "active", unit)
        wait.until(lambda: self.summary().get("sessions") == 1 + sessions.times, 60)
        self.wait_for_empty_queue()
        # The DNS of this system is not signed, of which Postfix warns.
        log = [line for line in self.box.journal("-b", "-t", "postfix/smtp")[logged:] if "dnssec" not in line.lower()]
        self.assertEqual([line for line in log if "warning" in line or "status=deferred" in line], [])
        self.assertEqual(sum("to=<anna@dest.example>" in line and "status=sent" in line for line in log), mails.times)

    def send_to_destination(self) -> None:
        self.box.run("sendmail anna@dest.example", content=PLAIN_MAIL)

    def ask(self, client: policy_server.PostfixClient, *, close: bool = False) -> None:
        self.box.enter_network()
        self.assertEqual(client.ask("postfix dest.example"), f"OK secure match={destination.NAME} servername=hostname")
        if close:
            client.close()

    def wait_for_empty_queue(self) -> None:
        wait.until(lambda: self.box.run("postqueue -p").stdout.strip() == "Mail queue is empty", 60)

    def reports_about_a_published_list_are_taken(self) -> None:
        """By a confined service and by the mail server's alias, both as the user of the publisher."""
        guide = Steps("docs/publishing-a-list.md", "What deliveries tell")
        self.box.configure("/etc/starttls-toolkit/listtool.toml",
                           '[publish]\nname = "sector"\nurl = "https://lists.example.org/"\n')
        publish = "starttls-listtool publish"
        self.box.run(f"{publish} init && {publish} add dest.example", user="starttls-publish")
        self.box.run(guide.take("systemctl enable --now"))
        self.box.run(guide.take("install -o starttls-publish"))
        self.box.post("http://127.0.0.1:8463/reports", json.dumps(self.report("by-http")), "application/tlsrpt+json")
        self.box.send(f"reports@{box.HOSTNAME}", "Subject: Report Domain: dest.example\nContent-Type: "
                      f"application/tlsrpt+json\n\n{json.dumps(self.report('by-mail'))}\n")
        wait.until(lambda: self.reporters(publish) == ["by-http", "by-mail"], 60)
        self.assertEqual(self.box.journal("-b", "-u", RECEIVE, "-p", "warning"), [])
        self.box.run(f"systemctl disable --now {RECEIVE}; postconf alias_maps=hash:/etc/aliases; postfix reload; "
                     "rm /etc/postfix/aliases-publish")

    def report(self, organization: str) -> dict:
        day = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
        return {"organization-name": organization, "report-id": organization, "contact-info": "tls@sender.test",
                "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"},
                "policies": [{"policy": {"policy-type": "no-policy-found", "policy-domain": "dest.example"},
                              "summary": {"total-successful-session-count": 2, "total-failure-session-count": 0}}]}

    def reporters(self, publish: str) -> list[str]:
        reports = json.loads(self.box.run(f"{publish} --json why dest.example").stdout).get("reports", [])
        return [one["reporter"] for one in reports]

    def what_was_backed_up_can_be_restored(self) -> None:
        sessions = self.summary()
        self.box.run(self.documented.take("systemctl stop tlsrpt-milter\ntar --create"))
        self.box.run("systemctl stop tlsrpt-milter; rm -r /var/lib/starttls-toolkit/tlsrpt; "
                     "systemctl start tlsrpt-milter")
        self.assertEqual(self.summary().get("sessions", 0), 0)
        self.box.run(self.documented.take("systemctl stop tlsrpt-milter\ntar --extract"))
        self.assertEqual(self.summary(), sessions)
        self.box.run("rm /var/backups/starttls-toolkit.tar.gz")

    def without_the_programs_mail_flows_and_data_stay(self) -> None:
        self.box.run(self.documented.take("postconf -X"))
        self.box.run(self.documented.take("apt remove"))
        self.assertEqual(self.box.run("test -e /var/lib/starttls-toolkit/tlsrpt/tlsrpt.sqlite; "
                                      "ls /etc/starttls-toolkit").stdout, "listtool.toml\noverrides\ntlsrpt.toml\n")
        left = self.box.run("systemctl list-units --quiet --plain --state=active,failed 'starttls-*' 'tlsrpt-*'").stdout
        self.assertEqual(left, "")
        self.box.send(f"root@{box.HOSTNAME}", PLAIN_MAIL)
        self.send_to_destination()
        self.wait_for_empty_queue()

    def a_purge_removes_all_but_the_users(self, before: set[str], users: set[str]) -> None:
        self.box.run("rm /etc/starttls-toolkit/overrides")
        self.box.run(self.documented.take("apt purge"))
        self.destination.remove()
        self.assertEqual(self.files() - before, set())
        self.assertEqual(before - self.files(), set())
        self.assertEqual({line.split(":")[0] for line in self.users() - users}, {"starttls-toolkit", "starttls-publish"})
        self.box.send(f"root@{box.HOSTNAME}", PLAIN_MAIL)


class Order(unittest.TestCase):
    def test_postfix_can_be_installed_after_the_milter(self) -> None:
        with Box() as system:
            packages.install(system)
            self.assertEqual(system.state(MILTER), "active")
            system.install_mail_server("postfix")
            found = system.run("find /var/spool/postfix/tlsrpt -printf '%m %u:%g\\n'").stdout.splitlines()
            self.assertEqual(found, ["2750 starttls-toolkit:postfix", "660 starttls-toolkit:postfix"])
            steps = Steps("README.md", "Postfix in a few lines")
            system.run(steps.take("systemctl enable --now tlsrpt-milter"))
            system.send(f"root@{box.HOSTNAME}", PLAIN_MAIL)
            summary = "tlsrpt-report --json summary"
            wait.until(lambda: json.loads(system.run(summary).stdout)["total"]["tls"] == 1, 60)


if __name__ == "__main__":
    unittest.main()

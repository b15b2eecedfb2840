"""The Debian packages on a booted system with Debian's Postfix: what README and docs/packages.md say of them."""

import json
import re
import tempfile
import threading
import unittest
from pathlib import Path

import box
import packages
from box import Box
from lab import wait
from lab.documents import Steps

MILTER, SERVE, SOCKET = "tlsrpt-milter.service", "starttls-listtool-serve.service", "starttls-listtool-serve.socket"
TIMERS = ("starttls-listtool-update.timer", "tlsrpt-report-send.timer", "tlsrpt-report-queue.timer")
PREVIOUS = "0.1.9"
DESTINATION = "mx.dest.example"  # a second instance of Postfix, at the address of the client
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
        self.install = packages.install_command(Steps("README.md", "Install"), "/packages/previous")
        with Box() as system, tempfile.TemporaryDirectory() as folder:
            self.box = system
            system.install_mail_server("postfix")
            before, users = self.files(), self.users()
            system.copy(packages.with_version(PREVIOUS, Path(folder)), "/packages/previous")
            system.copy(packages.built(), "/packages/current")

            system.run(self.install, timeout=300)
            self.the_milter_runs_and_nothing_else()
            self.configure()
            self.mail_comes_in()
            self.mail_goes_out_over_verified_tls_or_waits()
            self.an_upgrade_keeps_everything_and_misses_no_session()
            self.what_was_backed_up_can_be_restored()
            self.without_the_programs_mail_flows_and_data_stay()
            self.a_purge_removes_all_but_the_user(before, users)
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

    def status_of_mail_to(self, recipient: str) -> str:
        """What Postfix logs of the last attempt to deliver it."""
        lines = [line for line in self.box.journal("-b", "-t", "postfix/smtp") if f"to=<{recipient}>" in line]
        return re.search(r"status=(\w+)", lines[-1])[1] if lines else ""

    def the_milter_runs_and_nothing_else(self) -> None:
        self.assertEqual(set(self.versions().values()), {PREVIOUS})
        self.assertEqual(self.box.run(f"systemctl is-enabled {MILTER}").stdout, "enabled\n")
        self.assertEqual(self.box.state(MILTER), "active")
        for unit in (SERVE, SOCKET, *TIMERS):
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
        self.box.run(f"postconf inet_interfaces=127.0.0.1,{box.ADDRESS} smtp_tls_loglevel=1")
        self.box.run("systemctl restart postfix")
        self.make_destination()
        self.box.run("printf 'dest.example enforce mx.dest.example\\nother.example enforce mx.elsewhere.example\\n' "
                     ">/etc/starttls-toolkit/overrides")
        self.box.configure("/etc/starttls-toolkit/listtool.toml", 'overrides = "overrides"\n')
        self.box.run(f"systemctl reload {SERVE}")
        for domain, status in {"dest.example": "sent", "other.example": "deferred"}.items():
            with self.subTest(domain):
                self.box.run(f"sendmail anna@{domain}", content=PLAIN_MAIL)
                wait.until(lambda domain=domain: self.status_of_mail_to(f"anna@{domain}") != "", 60)
                self.assertEqual(self.status_of_mail_to(f"anna@{domain}"), status)
        log = "\n".join(self.box.journal("-b", "-t", "postfix/smtp"))
        self.assertIn(f"Verified TLS connection established to {DESTINATION}", log)
        self.assertIn("Server certificate not verified", log)
        self.box.run("postsuper -d ALL")

    def make_destination(self) -> None:
        """Another mail server, for two domains; its certificate has one name, and an authority of its own issued it."""
        self.box.append("/etc/unbound/unbound.conf.d/dest.conf", "server:\n" + "".join(
            f'  local-zone: "{domain}." static\n  local-data: "{domain}. MX 1 {DESTINATION}."\n'
            for domain in ("dest.example", "other.example")) + f'  local-data: "{DESTINATION}. A {box.CLIENT}"\n')
        self.box.run("systemctl restart unbound")
        self.box.run(f"""
            cd /etc/ssl/private
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=box \
                -keyout ca.key -out /usr/local/share/ca-certificates/box.crt 2>&1
            openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={DESTINATION} \
                -keyout dest.key -out dest.csr 2>&1
            echo subjectAltName=DNS:{DESTINATION} >dest.extensions
            openssl x509 -req -in dest.csr -CA /usr/local/share/ca-certificates/box.crt -CAkey ca.key -CAcreateserial \
                -days 2 -extfile dest.extensions -out dest.crt 2>&1
            update-ca-certificates 2>&1
            postmulti -e init
            postmulti -I postfix-dest -e create
            postconf -c /etc/postfix-dest inet_interfaces={box.CLIENT} myhostname={DESTINATION} \
                master_service_disable= \
                mydestination=dest.example,other.example local_recipient_maps= luser_relay=root mynetworks=127.0.0.0/8 \
                smtpd_tls_security_level=may smtpd_tls_cert_file=/etc/ssl/private/dest.crt \
                smtpd_tls_key_file=/etc/ssl/private/dest.key
            postmulti -i postfix-dest -e enable
            postmulti -i postfix-dest -p start
            postfix reload
            """)

    def remove_destination(self) -> None:
        self.box.run("""
            postmulti -i postfix-dest -p stop
            postmulti -i postfix-dest -e disable
            postmulti -i postfix-dest -e destroy
            postconf -X multi_instance_enable multi_instance_directories multi_instance_wrapper
            postconf -e inet_interfaces=all
            rm -rf /etc/postfix-dest /var/spool/postfix-dest /var/lib/postfix-dest \
                /etc/unbound/unbound.conf.d/dest.conf \
                /etc/ssl/private/ca.key /etc/ssl/private/dest.* /usr/local/share/ca-certificates/box.*
            update-ca-certificates --fresh 2>&1
            """)

    def an_upgrade_keeps_everything_and_misses_no_session(self) -> None:
        wait.until(lambda: self.summary().get("tls") == 1, 60)
        own = self.box.run("cat /etc/starttls-toolkit/*").stdout
        with Senders(self.box) as senders:
            upgrade = packages.renamed(self.documented.take("apt install").strip(), "/packages/current")
            self.box.run(upgrade, timeout=300)
            senders.wait_for_another()
        self.assertNotIn(PREVIOUS, self.versions().values())
        self.assertEqual(self.box.run("cat /etc/starttls-toolkit/*").stdout, own)
        for unit in (MILTER, SERVE, SOCKET):
            self.assertEqual(self.box.state(unit), "active", unit)
        wait.until(lambda: self.summary().get("sessions") == 1 + senders.sent, 60)

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
        self.box.run("sendmail anna@dest.example", content=PLAIN_MAIL)
        wait.until(lambda: self.box.run("postqueue -p").stdout.strip() == "Mail queue is empty", 60)

    def a_purge_removes_all_but_the_user(self, before: set[str], users: set[str]) -> None:
        self.box.run("rm /etc/starttls-toolkit/overrides")
        self.box.run(self.documented.take("apt purge"))
        self.remove_destination()
        self.assertEqual(self.files() - before, set())
        self.assertEqual(before - self.files(), set())
        self.assertEqual({line.split(":")[0] for line in self.users() - users}, {"starttls-toolkit"})
        self.box.send(f"root@{box.HOSTNAME}", PLAIN_MAIL)


class Order(unittest.TestCase):
    def test_postfix_can_be_installed_after_the_milter(self) -> None:
        with Box() as system:
            system.copy(packages.built(), "/packages")
            system.run(packages.install_command(Steps("README.md", "Install"), "/packages"), timeout=300)
            self.assertEqual(system.state(MILTER), "active")
            system.install_mail_server("postfix")
            found = system.run("find /var/spool/postfix/tlsrpt -printf '%m %u:%g\\n'").stdout.splitlines()
            self.assertEqual(found, ["2750 starttls-toolkit:postfix", "660 starttls-toolkit:postfix"])
            steps = Steps("README.md", "Postfix in a few lines")
            system.run(steps.take("systemctl enable --now tlsrpt-milter"))
            system.send(f"root@{box.HOSTNAME}", PLAIN_MAIL)
            summary = "tlsrpt-report --json summary"
            wait.until(lambda: json.loads(system.run(summary).stdout)["total"]["tls"] == 1, 60)


class Senders:
    """Mails from another host, one after the other, as long as the block lasts."""

    def __init__(self, system: Box) -> None:
        self._box = system
        self._end = threading.Event()
        self._another = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.sent = 0

    def __enter__(self) -> "Senders":
        self._thread.start()
        self.wait_for_another()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(60)

    def wait_for_another(self) -> None:
        """One that began after this call."""
        for _ in range(2):
            self._another.clear()
            if not self._another.wait(60):
                raise TimeoutError("no mail was accepted")

    def _send(self) -> None:
        while not self._end.is_set():
            self._box.send(f"root@{box.HOSTNAME}", PLAIN_MAIL)
            self.sent += 1
            self._another.set()


if __name__ == "__main__":
    unittest.main()

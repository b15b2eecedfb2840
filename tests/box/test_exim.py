"""The guide's steps on a booted system with Debian's Exim."""

import json
import unittest

import box
import outbound
import packages
from box import Box
from lab import Lab, wait
from lab.documents import Steps, blocks, lines, section

# What debconf would ask: Debian's Exim delivers to local users only, until somebody says otherwise.
INTERNET = """\
sed -i "s/^dc_eximconfig_configtype=.*/dc_eximconfig_configtype='internet'/" /etc/exim4/update-exim4.conf.conf
"""
OVERRIDES = "guarded.test enforce mx.guarded.test\nelsewhere.test enforce mx.guarded.test\nfree.test none\n"
NAMES = f"""\
server:
    local-zone: "test." static
    local-data: "guarded.test. MX 10 mx.guarded.test."
    local-data: "elsewhere.test. MX 10 mx.elsewhere.test."
    local-data: "free.test. MX 10 mx.guarded.test."
    local-data: "mx.guarded.test. A {box.CLIENT}"
    local-data: "mx.elsewhere.test. A {box.CLIENT}"
"""
# What the machine of the tests decides, and that the resolver of this system reaches nobody.
OF_THE_MACHINE = {"clock", "disk-space", "resolver"}
TEMPLATE = "/etc/exim4/exim4.conf.template"
STOP_SERVE = "systemctl stop starttls-listtool-serve.socket starttls-listtool-serve"


def setUpModule() -> None:
    box.require()


class Exim(unittest.TestCase):
    def test_exim_asks_the_server_and_mail_waits_while_it_does_not_answer(self) -> None:
        serve = Steps("docs/postfix.md", "Enforce TLS to every domain with a policy")
        with Box() as system:
            system.install_mail_server("exim")
            system.run(INTERNET)
            system.append("/etc/unbound/unbound.conf.d/test.conf", NAMES)
            packages.install(system)
            system.run("systemctl restart unbound")
            system.append("/etc/starttls-toolkit/listtool.toml", 'overrides = "overrides"\n' + serve.take("[serve]"))
            system.append("/etc/starttls-toolkit/overrides", OVERRIDES)
            system.run(serve.take("systemctl enable"))

            system.run("\n".join(lines("docs/exim.md", "In one file")))
            (macro,) = [block for block in blocks("docs/exim.md", "Enforce TLS to every domain with a policy")
                        if block.startswith("STARTTLS_SERVE")]
            system.append("/etc/exim4/exim4.conf.localmacros", macro)
            (reload, test) = blocks("docs/exim.md", "Enforce TLS to listed domains")[-2:]
            system.run(reload)

            self.assertIn("router = starttls_enforce, transport = starttls_smtp",
                          self.route(system, test, "guarded.test"))
            self.assertIn("router = dnslookup, transport = remote_smtp", self.route(system, test, "free.test"))
            self.assertIn("no MX host of elsewhere.test is one of its TLS policy",
                          self.route(system, test, "elsewhere.test"))

            self.check_doctor(system)

            system.run(STOP_SERVE)
            system.run("echo hello | /usr/sbin/sendmail -f root bob@guarded.test")
            self.wait_for_log(system, "no answer about the TLS policy of guarded.test: the server cannot be reached")
            system.run("systemctl start starttls-listtool-serve.socket; exim4 -qff")
            self.wait_for_log(system, f"H=mx.guarded.test \\[{box.CLIENT}\\]")
            self.assertEqual(system.run("exim4 -bpc").stdout, "1\n")

            self.record_results(system, reload)

            self.assertIn("starttls-listtool-serve.service", system.property("exim4.service", "After").split())
            system.reboot()
            self.assertEqual([system.state(unit) for unit in ("starttls-listtool-serve", "exim4", outbound.COLLECTOR)],
                             ["active"] * 3)
            self.assertIn("router = starttls_enforce", self.route(system, test, "guarded.test"))
            self.assertEqual(self.findings(system), {})

    def record_results(self, system: Box, reload: str) -> None:
        """A mail to a server without TLS is a result."""
        guide = "docs/exim.md", "Record the results of outbound mail"
        steps = Steps(*guide)
        script, action = steps.take("#!/bin/sh"), steps.take("event_action")
        system.run("cat >/usr/local/sbin/tlsrpt-exim; chmod 0755 /usr/local/sbin/tlsrpt-exim", content=script)
        before, transport, after = (system.folder / TEMPLATE.lstrip("/")).read_text().partition("\nremote_smtp:\n")
        changed = after.replace("  driver = smtp\n", f"  driver = smtp\n  {action}", 1)
        self.assertNotEqual(changed, after)
        system.run(f"cat >{TEMPLATE}", content=before + transport + changed)
        system.configure(outbound.TOML, steps.take("[collector]"))
        system.edit_unit(outbound.COLLECTOR, steps.take("[Service]"))
        self.assertEqual(steps.remaining(), [])
        self.assertIn(f"`{outbound.ENABLE}`", section(*guide))
        system.run(f"{outbound.ENABLE}\n{reload}")
        with Lab() as lab:
            outbound.start_mailbox(system, lab)
            system.run("echo hello | /usr/sbin/sendmail -f root bob@free.test")
            wait.until_equal(lambda: outbound.results(system), {"free.test": (0, 1)})
        self.assertEqual(system.journal("-b", "-u", outbound.COLLECTOR, "-p", "warning"), [])

    def check_doctor(self, system: Box) -> None:
        """`doctor` has no finding after the guide's steps, and finds what is broken then."""
        (resolv_conf,) = [block for block in blocks("docs/exim.md", "Enforce TLS to every domain with a policy")
                          if block.startswith("nameserver")]
        self.assertEqual(set(self.findings(system)), {"trust-ad"})
        system.run("cat >/etc/resolv.conf", content=resolv_conf)
        self.assertEqual(self.findings(system), {})
        for breaks, code, also in (
                ("systemctl stop exim4", "mail-server-runs", set()),
                ("echo 'A_MACRO = x' >>/etc/exim4/exim4.conf.localmacros", "mail-server", set()),
                ("sed -i '/exim.router/d' /etc/exim4/exim4.conf.template; update-exim4.conf", "policy-map", set()),
                ("sed -i '/trust-ad/d' /etc/resolv.conf", "trust-ad", set()),
                (STOP_SERVE, "serve-answer", {"serve-unit"}),
                ("systemctl disable starttls-listtool-serve.socket", "serve-unit", set())):
            with self.subTest(breaks):
                system.run(breaks)
                found = self.findings(system)
                self.assertEqual(set(found), {code, *also})
                system.run("\n".join(line for line in found[code]["remedy"].splitlines()
                                     if not line.startswith("in /")))
                self.assertEqual(self.findings(system), {})
        # Exim has no milters, and Debian's has no certificate of its own.
        self.assertEqual(set(self.findings(system, "tlsrpt-report doctor")), {"milter-attached", "smtpd-certificate"})

    def findings(self, system: Box, command: str = "") -> dict[str, dict[str, str]]:
        """The checks of the guide's command that are not ok, by their codes."""
        program, doctor = (command or "".join(lines("docs/exim.md", "Check the setup"))).split()
        done = system.run(f"{program} --json {doctor}", check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return {check["code"]: check for check in json.loads(done.stdout)["checks"]
                if check["level"] in ("fault", "warning") and check["code"] not in OF_THE_MACHINE}

    def route(self, system: Box, test: str, domain: str) -> str:
        """What the guide's command shows about a domain."""
        command = test.splitlines()[0].replace("example.org", domain)
        done = system.run(command, check=False)
        return done.stdout + done.stderr

    def wait_for_log(self, system: Box, pattern: str) -> None:
        wait.until(lambda: system.run(f"grep -q '{pattern}' /var/log/exim4/mainlog", check=False).returncode == 0, 60)


if __name__ == "__main__":
    unittest.main()

"""`starttls-listtool setup`: what it writes is published with real servers, as an administrator would, and is sound.

Knot takes the input for nsupdate; nginx, Caddy and Apache serve the policy; Postfix has the certificates.
"""

import json
import os
import shutil
import subprocess
import unittest
from collections.abc import Callable
from pathlib import Path

from lab import Lab, command, program, wait, web_server
from lab.ca import CA, Certificate
from lab.dns import Dns
from lab.policy_domains import Configuration
from lab.postfix import Receiver
from lab.process import Process

APACHE = "/usr/sbin/apache2"
APACHE_MODULES = Path("/usr/lib/apache2/modules")
APACHE_CONF = """\
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
ErrorLog /dev/stderr
User www-data
Group www-data
Mutex file:{folder}
Listen {address}:{port}
{modules}
Include {written}
"""


def replace(text: str, *changes: tuple[str, str]) -> str:
    """The text with each first part in place of the second one, which it must have."""
    for old, new in changes:
        if old not in text:
            raise AssertionError(f"{old!r} is not in {text}")
        text = text.replace(old, new)
    return text


class Web:
    """A web server for the policy host, with the configuration that `setup` wrote: only its address and certificate are
    the lab's."""

    def __init__(self, lab: Lab, domain: str) -> None:
        self.lab, self.domain, self.host = lab, domain, f"mta-sts.{domain}"
        self.address = lab.address()
        self.port = lab.free_port(self.address)
        self.certificate = lab.ca.issue(self.host)
        self.process: Process | None = None

    def nginx(self, written: Path) -> None:
        text = replace((written / "nginx.conf").read_text(),
                       ("listen 443 ssl;", f"listen {self.address}:{self.port} ssl;"), ("    listen [::]:443 ssl;\n", ""),
                       *self._certificate())
        self.process = web_server.start_nginx(self.lab, text, self.address, self.port)

    def caddy(self, written: Path) -> None:
        text = replace((written / "Caddyfile").read_text(),
                       (f"{self.host} {{\n", f"{self.host} {{\n\tbind {self.address}\n\ttls {self.certificate.certificate} "
                                             f"{self.certificate.key}\n"))
        self.process = web_server.start_caddy(self.lab, text, self.address, self.port)

    def apache(self, written: Path) -> None:
        self.lab.require_program(APACHE, "apache2-bin")
        folder = web_server.open_folder(self.lab, "apache")
        text = replace((written / "apache.conf").read_text(), ("*:443", f"{self.address}:{self.port}"), *self._certificate())
        (folder / "part.conf").write_text(text)
        names = ("mpm_event", "authz_core", "alias", "ssl", "socache_shmcb")
        modules = "\n".join(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in names)
        (folder / "apache.conf").write_text(
            APACHE_CONF.format(folder=folder, address=self.address, port=self.port, modules=modules,
                               written=folder / "part.conf"))
        self.process = web_server.start(self.lab, [APACHE, "-D", "FOREGROUND", "-f", folder / "apache.conf"], folder,
                                        self.address, self.port)

    def get(self, path: str) -> tuple[str, str]:
        """The status and the media type of a page."""
        answer = command.run("curl", "--silent", "--cacert", self.lab.ca.certificate, "--resolve",
                             f"{self.host}:{self.port}:{self.address}", "--output", "/dev/null", "--write-out",
                             "%{http_code} %{content_type}", f"https://{self.host}:{self.port}{path}")
        status, _, media_type = answer.partition(" ")
        return status, media_type.partition(";")[0]

    def stop(self) -> None:
        if self.process:
            self.process.kill_with_workers()

    def _certificate(self) -> tuple[tuple[str, str], tuple[str, str]]:
        live = f"/etc/letsencrypt/live/{self.host}"
        return ((f"{live}/fullchain.pem", str(self.certificate.certificate)), (f"{live}/privkey.pem", str(self.certificate.key)))


class Case(unittest.TestCase):
    domain = "example.test"

    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.certificate = self.lab.ca.issue(f"mx.{self.domain}")
        self.web = Web(self.lab, self.domain)
        self.connect: list[str] = []
        self.directory = self.lab.new_folder("published") / self.domain
        # nginx and Apache read as users without rights.
        for parent in (self.directory.parent, self.lab.folder):
            parent.chmod(0o755)

    def postfix(self, host: str, certificate: Certificate | None) -> Receiver:
        receiver = Receiver(self.lab, host, [self.domain], certificate)
        self.connect += ["--connect", f"{host}={receiver.address}:{self.lab.smtp_port}"]
        return receiver

    def start(self, **records: list[str]) -> None:
        """A domain with one MX host, signed, that publishes nothing else."""
        mx = self.postfix(f"mx.{self.domain}", self.certificate)
        self.zone = {"@": ["MX 10 mx"], "mx": [f"A {mx.address}"]} | records
        self.dns = Dns(self.lab, {".": {}, self.domain: self.zone}, signed=[self.domain], port=0)
        self.configuration = Configuration(self.lab, self.dns, self.web)

    def run_setup(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return self.configuration.tool("setup", "-o", self.directory, *self.connect, *map(str, arguments), self.domain)

    def setup(self, *arguments: object) -> dict:
        """What --json says."""
        done = self.run_setup("--json", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def nsupdate(self) -> None:
        """Publish the records that are to be changed."""
        self.lab.require_program("/usr/bin/nsupdate", "bind9-dnsutils")
        updates = (self.directory / "records.nsupdate").read_text()
        file = self.lab.new_folder("updates") / "updates"
        file.write_text(f"server {self.dns.address} {self.dns.port}\n{updates}")
        command.run("nsupdate", file)

    def changed(self, made: dict) -> list[str]:
        return [f"{one['owner']} {one['type']}" for one in made["records"] if one["changed"]]

    def kinds(self, made: dict) -> list[str]:
        return [step["kind"] for step in made["steps"]]

    def faults(self) -> set[str]:
        """What `check` finds that matters."""
        done = self.configuration.tool("check", "--json", *self.connect, self.domain)
        [found] = json.loads(done.stdout)["domains"]
        return {f"{one['level']} {one['code']}" for one in found["findings"] if one["level"] not in ("ok", "note")}

    def outcomes(self) -> dict[str, str]:
        done = self.configuration.tool("check", "--json", *self.connect, self.domain)
        return {one["sender"]: one["outcome"] for one in json.loads(done.stdout)["domains"][0]["verdicts"]}

    def lint(self, what: str, file: Path) -> None:
        done = program.run("starttls-listtool", "lint", what, file)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertTrue(done.stderr.endswith("; 0 faults\n"), done.stderr)

    def lint_record(self, what: str, made: dict, owner: str) -> None:
        [data] = next(one["data"] for one in made["records"] if one["owner"] == owner and one["type"] == "TXT")
        file = self.lab.new_folder("record") / "record"
        file.write_text(data + "\n")
        self.lint(what, file)


class FromNothing(Case):
    def first(self) -> dict:
        return self.setup("--rua", f"mailto:tls@{self.domain}", "--policy-address", self.web.address,
                          "--key", self.certificate.certificate)

    def test_what_is_published_is_sound(self) -> None:
        self.start()
        made = self.first()
        self.assertEqual(self.kinds(made), ["policy-host", "policy", "records", "evidence", "next"])
        self.assertEqual(self.changed(made), [f"mta-sts.{self.domain} A", f"_25._tcp.mx.{self.domain} TLSA",
                                              f"_smtp._tls.{self.domain} TXT", f"_mta-sts.{self.domain} TXT"])
        self.assertEqual({one["written"] for one in made["files"]}, {"created"})
        self.lint("policy", self.directory / "mta-sts.txt")
        self.lint_record("sts-record", made, f"_mta-sts.{self.domain}")
        self.lint_record("tlsrpt-record", made, f"_smtp._tls.{self.domain}")
        self.web.nginx(self.directory)
        self.nsupdate()

        self.assertEqual(self.faults(), set())
        again = self.setup()
        self.assertEqual((self.changed(again), again["id"]), ([], made["id"]))
        self.assertEqual(self.kinds(again), ["evidence", "next"])

        # The second stage: the policy, then its id; the web server serves the file from where setup writes it.
        enforced = self.setup("--mode", "enforce", "--key", self.certificate.certificate)
        self.assertEqual(self.changed(enforced), [f"_mta-sts.{self.domain} TXT"])
        self.assertEqual(self.kinds(enforced)[:2], ["policy", "records"])
        self.assertNotEqual(enforced["id"], made["id"])
        self.nsupdate()
        self.assertEqual(self.faults(), set())
        self.assertEqual(self.outcomes(), {"mta-sts": "delivers", "dane": "delivers", "opportunistic": "can-be-stripped"})

        # The third: nothing is left to do.
        self.setup("--max-age", 2592000)
        self.nsupdate()
        settled = self.setup("--key", self.certificate.key)
        self.assertEqual((self.kinds(settled), self.changed(settled)), ([], []))
        self.assertIn("; Nothing.", (self.directory / "records.nsupdate").read_text())

    def test_the_zone_file_has_the_records(self) -> None:
        self.start()
        made = self.first()
        lines = [line.split(maxsplit=4) for line in (self.directory / "records.zone").read_text().splitlines()
                 if not line.startswith(";")]
        zone: dict[str, list[str]] = {}
        for owner, ttl, _, kind, data in lines:
            self.assertEqual(ttl, "3600")
            zone.setdefault(owner, []).append(f"{kind} {data}")
        self.dns.update(self.domain, self.zone | zone)
        self.web.nginx(self.directory)
        self.assertEqual(self.faults(), set())
        self.assertEqual(self.changed(self.setup()), [])
        self.assertEqual(len(zone), len(made["records"]))

    def test_web_servers_serve_the_policy_and_nothing_else(self) -> None:
        self.start()
        self.first()
        self.nsupdate()
        for start in (self.web.nginx, self.web.caddy, self.web.apache):
            with self.subTest(start.__name__):
                start(self.directory)
                self.assertEqual(self.web.get("/.well-known/mta-sts.txt"), ("200", "text/plain"))
                for path in ("/", "/mta-sts.txt", "/plan.txt", "/.well-known/", "/.well-known/mta-sts.txt/../plan.txt"):
                    self.assertIn(self.web.get(path)[0], ("403", "404"), path)
                self.assertEqual(self.faults(), set())
                self.web.stop()

    def test_the_plan_in_words(self) -> None:
        self.start()
        done = self.run_setup("--key", self.certificate.certificate)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"created  {self.directory}/mta-sts.txt\n", done.stdout)
        self.assertIn("1.  Give mta-sts.example.test an address", done.stdout)
        self.assertIn("tlsrpt-report advise example.test", done.stdout)
        plan = (self.directory / "plan.txt").read_text()
        self.assertTrue(done.stdout.endswith(plan.partition("\n")[2]))
        self.assertLessEqual(max(map(len, plan.splitlines())), 80)
        self.assertIn("as they were", self.run_setup("--key", self.certificate.certificate).stdout)


class Changes(Case):
    def publish(self, *arguments: object) -> None:
        self.setup("--rua", f"mailto:tls@{self.domain}", "--policy-address", self.web.address, "--mode", "enforce",
                   "--max-age", 2592000, *arguments)
        if not self.web.process:
            self.web.nginx(self.directory)
        self.nsupdate()

    def test_a_rollover_of_keys(self) -> None:
        """At each step, a sender with DANE delivers."""
        self.start()
        new = self.lab.ca.issue(f"mx.{self.domain}")
        self.publish("--key", self.certificate.certificate)

        # The record of the new key, before its certificate.
        made = self.setup("--key", new.certificate)
        self.assertEqual(self.kinds(made), ["records", "certificate"])
        self.assertGreaterEqual(made["steps"][1]["wait"], 3600)
        self.nsupdate()
        self.assertEqual(self.outcomes()["dane"], "delivers")
        self.assertEqual(self.kinds(self.setup("--key", new.certificate)), ["certificate"])

        # The certificate; then the record of the old key goes.
        self.connect.clear()
        self.postfix(f"mx.{self.domain}", new)
        self.assertEqual(self.outcomes()["dane"], "delivers")
        made = self.setup("--key", new.certificate)
        self.assertEqual((self.kinds(made), self.changed(made)), (["records"], [f"_25._tcp.mx.{self.domain} TLSA"]))
        self.nsupdate()
        self.assertEqual(self.outcomes()["dane"], "delivers")
        [records] = [one["data"] for one in self.setup("--key", new.certificate)["records"] if one["type"] == "TLSA"]
        self.assertEqual(records, [f"3 1 1 {new.key_digest()}"])

    def test_a_new_mx_host_is_in_the_policy_first(self) -> None:
        self.start()
        self.publish()
        made = self.setup("--mx", f"mx.{self.domain}", "--mx", f"mx2.{self.domain}")
        self.assertEqual(self.kinds(made), ["policy", "records", "mx"])
        self.assertEqual(made["steps"][2]["wait"], 2592000)
        self.assertEqual(made["policy"]["mx"], [f"mx.{self.domain}", f"mx2.{self.domain}"])

    def test_enforce_is_refused_while_senders_would_defer(self) -> None:
        self.certificate = CA(self.lab.new_folder("ca"), "Unknown").issue(f"mx.{self.domain}")
        self.start()
        self.assertEqual(self.kinds(self.setup()), ["policy-host", "policy", "records", "repair", "evidence", "next"])
        before = (self.directory / "mta-sts.txt").read_bytes()
        refused = self.run_setup("--mode", "enforce")
        self.assertEqual((refused.returncode, refused.stdout), (65, ""))
        self.assertIn("senders would defer mail for example.test", refused.stderr)
        self.assertEqual((self.directory / "mta-sts.txt").read_bytes(), before)

    def test_tlsa_records_are_refused_for_a_host_without_starttls(self) -> None:
        certificate, self.certificate = self.certificate, None
        self.start()
        refused = self.run_setup("--key", certificate.certificate)
        self.assertEqual(refused.returncode, 65)
        self.assertIn("does not offer STARTTLS", refused.stderr)
        self.assertFalse(self.directory.exists())


class Hook(Case):
    def test_a_renewed_certificate_is_used_when_its_record_is_published(self) -> None:
        """certbot runs the hook with RENEWED_LINEAGE. Here the tools that it calls know the lab's servers."""
        self.start()
        self.setup("--rua", f"mailto:tls@{self.domain}", "--policy-address", self.web.address,
                   "--key", self.certificate.certificate)
        self.web.nginx(self.directory)
        self.nsupdate()
        installed, renewed = (self.lab.new_folder("certificates") for _ in range(2))
        new = self.lab.ca.issue(f"mx.{self.domain}")
        for folder, certificate in ((installed, self.certificate), (renewed, new)):
            shutil.copy(certificate.certificate, folder / "fullchain.pem")
            shutil.copy(certificate.key, folder / "privkey.pem")
        mx = Receiver(self.lab, f"mx.{self.domain}", [self.domain],
                      Certificate(installed / "privkey.pem", installed / "fullchain.pem"))
        self.connect = ["--connect", f"mx.{self.domain}={mx.address}:{self.lab.smtp_port}"]

        requested, answer = (self.lab.new_folder("reload") / name for name in ("requested", "answer"))
        os.mkfifo(answer)
        hook = Process([self.directory / "tlsa-hook"], folder=self.lab.new_folder("hook"), lab_folder=self.lab.folder,
                       environment={"RENEWED_LINEAGE": str(renewed), "INSTALLED": str(installed), "TTL": "0",
                                    **self.tools(f'touch {requested}; read -r word <{answer}')})
        self.lab.at_end(hook.kill)
        self.lab.watch(hook.stderr)
        wait.until(lambda: requested.exists() or not hook.running())
        # Both records are published, and the server still shows the old key.
        self.assertEqual(self.outcomes()["dane"], "delivers")
        mx.reload()
        self.assertEqual(self.outcomes()["dane"], "delivers")
        answer.write_text("done\n")
        self.assertEqual(hook.wait(60), 0)
        self.assertEqual((installed / "fullchain.pem").read_text(), new.certificate.read_text())
        [records] = [one["data"] for one in self.setup("--key", new.certificate)["records"] if one["type"] == "TLSA"]
        self.assertEqual(records, [f"3 1 1 {new.key_digest()}"])
        self.assertEqual(self.outcomes()["dane"], "delivers")

    def tools(self, reload: str) -> dict[str, str]:
        """A PATH whose starttls-listtool has the lab's configuration, an nsupdate that has its server, and a reload."""
        tools = self.lab.new_folder("tools")

        def script(name: str, text: str) -> str:
            path = tools / name
            path.write_text(f"#!/bin/sh\nset -eu\n{text}\n")
            path.chmod(0o755)
            return str(path)

        script("starttls-listtool", f'test "$1 $2" = "-q setup"; shift 2\n'
               f'exec {program.path_of("starttls-listtool")} -q -c {self.configuration.path} '
               f'setup {" ".join(self.connect)} "$@"')
        return {"PATH": f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin",
                "NSUPDATE": script("nsupdate-lab", f'{{ echo "server {self.dns.address} {self.dns.port}"; cat "$1"; }} | '
                                                   "nsupdate"),
                "RELOAD": script("reload", reload)}


class Arguments(Case):
    def test_wrong_ones(self) -> None:
        self.start()
        folder = self.lab.new_folder("other")
        (folder / "mine").touch()
        wrong: list[tuple[int, Callable[[], subprocess.CompletedProcess[str]]]] = [
            (64, lambda: self.run_setup("--mode", "on")),
            (64, lambda: self.run_setup("--max-age", "1w")),
            (64, lambda: self.run_setup("--max-age", "31557601")),
            (64, lambda: self.run_setup("--rua", "tls@example.test")),
            (64, lambda: self.run_setup("--mx", "192.0.2.1")),
            (64, lambda: self.run_setup("--policy-address", "www")),
            (64, lambda: self.run_setup("--tlsa-type", "0 0 0")),
            (64, lambda: self.run_setup("--next-key", self.certificate.key)),
            (64, lambda: self.configuration.tool("setup", self.domain)),
            (64, lambda: self.configuration.tool("setup", "-o", self.directory, "192.0.2.1")),
            (64, lambda: self.configuration.tool("setup", "-o", f"{self.directory}$", self.domain)),
            (65, lambda: self.run_setup("--key", self.configuration.path)),
            (65, lambda: self.configuration.tool("setup", "-o", self.directory, "nothing.test")),
            (73, lambda: self.configuration.tool("setup", "-o", folder, self.domain))]
        for number, (status, call) in enumerate(wrong):
            with self.subTest(number):
                done = call()
                self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertFalse(self.directory.exists())


if __name__ == "__main__":
    unittest.main()

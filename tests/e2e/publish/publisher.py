"""The publisher of a list in a lab: domains with real servers, keys, and one run after the other.

    class Test(PublisherCase):
        self.sound("good.test")
        self.publish()                          configuration, state, keys.1.json signed by two of three root keys
        self.tool("add", "good.test")
        self.days(29)                           a run a day
        self.entries()                          what the newest edition says
        consumer = self.serve()                 a web server for `public`, and an administrator who follows the list
        consumer.tool("update")
"""

import datetime
import json
import shutil
import subprocess
from pathlib import Path

from e2e.check.checking import Case
from e2e.update.publishing import Key
from lab.ca import Certificate
from lab.https import HttpsServer
from lab.policy_domains import Configuration

DAY = datetime.timedelta(days=1)
LIST = "sector"
SITE = "lists.localhost"


class PublisherCase(Case):
    def sound(self, domain: str, mode: str = "enforce") -> None:
        """A domain whose MX host is a Postfix, with an MTA-STS policy and TLS reports."""
        self.postfix(domain, self.certificate(f"mx.{domain}"))
        self.web.add_host(f"mta-sts.{domain}", self.certificate(f"mta-sts.{domain}"))
        self.mta_sts(domain, mode)
        self.reports(domain, f"mailto:tls@{domain}")

    def certificate(self, name: str) -> Certificate:
        """One that outlives the days of a test."""
        return self.lab.ca.issue(name, days=900)

    def publish(self, *, online_days: int = 100, **settings: object) -> None:
        """Make the publisher's directory, and keys that 2 of 3 root keys have signed."""
        self.folder = self.lab.new_folder("publisher")
        keys = self.lab.new_folder("keys")
        self.roots, self.online = [Key(keys) for _ in range(3)], Key(keys)
        self.first_roots = self.roots
        self.start(publish={"name": LIST, "url": "https://lists.localhost/", "author": "Lab", "directory": self.folder,
                            "secret_keys": [self.online.secret], **settings})
        self.time = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        self.configuration.now = self.now()
        self.good("init")
        self.good("keys", "init", *self.options("--root", self.roots), "--threshold", "2",
                  "--online", str(self.online.public), "--online-days", str(online_days))
        self.sign(self.roots[:2], 0)

    def keep_mails(self) -> Path:
        """Mails to owners end in this directory from now on, a file each."""
        folder = self.lab.new_folder("mails")
        sendmail = self.lab.new_folder("bin") / "sendmail"
        sendmail.write_text(f'#!/bin/sh\nexec cat >"$(mktemp -p "{folder}" --suffix=.eml)"\n')
        sendmail.chmod(0o755)
        self.configuration.tables["publish"]["mail"] = sendmail
        self.configuration.write()
        return folder

    def serve(self) -> Configuration:
        """Serve what is published on `self.site`. Returns a consumer who has the root keys."""
        self.site = HttpsServer(self.lab, address="127.0.0.1")
        self.site.add_host(SITE, self.lab.ca.issue(SITE))
        self.site.serve_folder(SITE, self.public())
        return self.consumer()

    def consumer(self) -> Configuration:
        """One more, on whose host nothing is installed yet."""
        consumer = Configuration(self.lab, self.dns, self.web, now=self.now(), fetch={"ca_file": self.lab.ca.certificate})
        consumer.lists.append({"name": LIST, "url": f"https://{SITE}:{self.site.port}/{LIST}.json",
                               "root_keys": [key.text for key in self.first_roots], "threshold": 2})
        consumer.write()
        return consumer

    def now(self) -> str:
        return self.time.strftime("%Y-%m-%dT%H:%M:%SZ")

    @staticmethod
    def options(name: str, keys: list[Key]) -> list[str]:
        return [word for key in keys for word in (name, str(key.public))]

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.configuration.now = self.now()
        return self.configuration.tool("publish", *arguments)

    def good(self, *arguments: str) -> str:
        done = self.tool(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""), (arguments, done.stdout))
        return done.stdout

    def refused(self, status: int, reason: str, *arguments: str) -> None:
        done = self.tool(*arguments)
        self.assertEqual(done.returncode, status, done)
        self.assertRegex(done.stderr, reason)

    def draft(self) -> Path:
        """The newest keys.N.json."""
        return max((self.folder / "keys").glob("keys.*.json"), key=lambda file: int(file.name.split(".")[1]))

    def sign(self, keys: list[Key], *statuses: int) -> None:
        """Sign the draft as the holders of root keys do, elsewhere, with minisign alone. The last one has this status."""
        draft = self.draft()
        for number, key in enumerate(keys):
            elsewhere = self.lab.new_folder("offline")
            file = Path(shutil.copy(draft, elsewhere))
            signature = elsewhere / f"{file.name}.minisig"
            signature.write_bytes(key.sign(file.read_bytes(), name=file.name))
            last = number == len(keys) - 1
            done = self.tool("keys", "sign", str(signature))
            self.assertEqual(done.returncode, statuses[0] if last else 1, done)

    def run_once(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.tool("run", *self.connect, *arguments)

    def days(self, number: int = 1, status: int = 0) -> None:
        """Run each day, as cron does: silently."""
        for _ in range(number):
            self.run_silently(status)
            self.time += DAY

    def run_silently(self, status: int = 0) -> None:
        done = self.run_once()
        self.assertEqual((done.returncode, done.stdout, done.stderr), (status, "", "") if status == 0 else
                         (status, "", done.stderr), done)

    def public(self) -> Path:
        return self.folder / "public"

    def document(self) -> dict:
        return json.loads((self.public() / f"{LIST}.json").read_text())

    def entries(self) -> dict[str, list[str]]:
        """The entries of the newest edition: their MX patterns; all are in mode enforce."""
        policies = self.document()["policies"]
        self.assertEqual({policy["mode"] for policy in policies.values()}, {"enforce"})
        return {domain: policy["mxs"] for domain, policy in policies.items()}

    def state(self, domain: str) -> str:
        return json.loads(self.good("--json", "status", domain))["state"]

    def history(self, domain: str) -> list[tuple[str, str, str]]:
        """Each transition: from, to, reason."""
        return [(step["from"], step["to"], step["reason"])
                for step in json.loads(self.good("--json", "why", domain))["history"]]



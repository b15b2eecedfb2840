"""The commands in docs/postgresql.md work as written there: only addresses and names are the lab's."""

import json
import re
import unittest

from lab import Lab, documents, program
from lab.postgres import Postgres
from lab.smtp_client import tls13_mail
from recording import QUICK, Milter, client, receiver

OF_THE_HOST = ("hostssl ", "chown ", "[Service]", "tlsrpt-milter --check-config")  # a lab has none of it

OF_OUTBOUND_MAIL = ("UPDATE outbound_reports ",)  # e2e report: send shared


class Guide(unittest.TestCase):
    def test_two_hosts_record_into_a_database_that_was_created_so(self) -> None:
        steps = documents.Steps("docs/postgresql.md")
        (store,) = re.findall(r'^store = "(.*)"\n$', steps.take("store = "))
        with Lab() as lab:
            server = Postgres(lab)
            for statement in steps.take("CREATE ROLE").replace("tlsrpt", "shared").splitlines():
                server.execute(statement, superuser=True)
            url = store.replace("tlsrpt", "shared").replace("db.example.org", f"{server.address}:{server.port}")
            self.assertEqual(url, f"postgresql://shared:PASSWORD@{server.address}:{server.port}/shared")
            for _ in range(2):
                milter = Milter(lab, settings=QUICK | {"store": url})
                mx = receiver(lab, milter)
                tls13_mail(client(lab, mx))
                mx.end()
                self.assertEqual(milter.stop(), 0)
            done = program.run("tlsrpt-report", "-c", milter.configuration, "--json", "summary")
            self.assertEqual(json.loads(done.stdout)["total"]["tls"], 2, done.stderr)
        for start in (*OF_THE_HOST, *OF_OUTBOUND_MAIL):
            steps.take(start)
        self.assertEqual(steps.remaining(), [])


if __name__ == "__main__":
    unittest.main()

"""`starttls-listtool check --thorough` finds what sslscan, testssl.sh, posttls-finger and others find.

README.md has the servers, the programs, and how to ask testssl.sh everything.
"""

import json
import os
import subprocess
import sys
import unittest
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import readings
from lab import Lab, program
from lab.https import HttpsServer
from lab.policy_domains import Configuration
from readings import Answers
from rules import Difference, Rule, rule_for
from servers import Server, Servers

# A second passes between two connections to an address: a minute and a half for one with thirty suites.
LONGEST_CHECK = 400
# testssl.sh takes eight seconds of CPU for these questions, and up to fifteen for all.
TESTSSL = os.environ.get("PEERS_TESTSSL", "some")
TESTSSL_SERVERS = ("weak", "double", "exim-old")
TESTSSL_QUESTIONS = ("-p", "-P", "-S", "-C")
TESTSSL_EVERYTHING = (*TESTSSL_QUESTIONS, "-e", "-E", "-f")


class Check:
    """`check --thorough` of all servers at once, which waits most of the time."""

    def __init__(self, lab: Lab, servers: Servers) -> None:
        configuration = Configuration(lab, servers.dns, HttpsServer(lab))
        connect = [word for server in servers.all.values()
                   for word in ("--connect", f"{server.host}={server.address}:{servers.port}")]
        self._process = subprocess.Popen(
            [program.path_of("starttls-listtool"), "-c", configuration.path, "--json", "check", "--thorough", *connect,
             *(server.domain for server in servers.all.values())], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "SSL_CERT_FILE": str(lab.ca.certificate)})
        lab.at_end(self._process.kill)

    def answers(self) -> dict[str, Answers]:
        """By name of the server."""
        printed, _ = self._process.communicate(timeout=LONGEST_CHECK)
        return {found["domain"].removesuffix(".test"): readings.check(found)
                for found in json.loads(printed)["domains"]}


class Agreement(unittest.TestCase):
    def test_check_finds_what_others_find(self) -> None:
        with Lab() as lab:
            servers = Servers(lab)
            check = Check(lab, servers)
            with ThreadPoolExecutor(max_workers=2) as pool:
                asked = {server: pool.submit(self.ask_testssl, servers, lab, server)
                         for server in self.servers_for_testssl(servers)}
                ours = check.answers()
                of_testssl = {server: one.result() for server, one in asked.items()}
            self.assertCountEqual(ours, servers.all)
            differences: list[Difference] = []
            compared = 0
            for server in servers.all.values():
                for name, answers in self.peers(servers, lab, server, ours[server.name], of_testssl.get(server)):
                    compared += len(answers)
                    differences += self.differences(name, server, ours[server.name], answers)
        self.report(compared, differences)

    @staticmethod
    def servers_for_testssl(servers: Servers) -> list[Server]:
        names = servers.all if TESTSSL == "everything" else TESTSSL_SERVERS
        return [servers.all[name] for name in names]

    @staticmethod
    def ask_testssl(servers: Servers, lab: Lab, server: Server) -> Answers:
        options = TESTSSL_EVERYTHING if TESTSSL == "everything" else TESTSSL_QUESTIONS
        return readings.testssl(servers, lab, server, *options)

    @staticmethod
    def peers(servers: Servers, lab: Lab, server: Server, ours: Answers,
              of_testssl: Answers | None) -> Iterator[tuple[str, Answers]]:
        asks: dict[str, Callable[[], Answers]] = {
            "sslscan": lambda: readings.sslscan(servers, server),
            "posttls-finger": lambda: readings.posttls_finger(servers, lab, server),
            "openssl s_client": lambda: readings.s_client(servers, lab, server, ours),
            "gnutls-cli": lambda: readings.gnutls_cli(servers, lab, server),
            "ldns-dane": lambda: readings.ldns_dane(servers, lab, server),
        }
        for name, ask in asks.items():
            yield name, ask()
        if of_testssl is not None:
            yield "testssl.sh", of_testssl

    @staticmethod
    def differences(name: str, server: Server, ours: Answers, theirs: Answers) -> Iterator[Difference]:
        for question, answer in theirs.items():
            if answer != ours.get(question):
                yield Difference(name, server.name, question, ours.get(question), answer)

    def report(self, compared: int, differences: list[Difference]) -> None:
        rules: dict[Rule, list[Difference]] = {}
        unexplained = []
        for difference in differences:
            if rule := rule_for(difference):
                rules.setdefault(rule, []).append(difference)
            else:
                unexplained.append(str(difference))
        print(f"{compared} answers compared, {len(differences)} of them different", file=sys.stderr)
        for rule, explained in rules.items():
            print(f"{rule.name}: {rule.why}", *(f"    {one}" for one in explained), sep="\n", file=sys.stderr)
        self.assertEqual(unexplained, [])


if __name__ == "__main__":
    unittest.main()

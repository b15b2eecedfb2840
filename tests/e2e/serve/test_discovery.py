"""What serve discovers about domains, and what it still has after a restart."""

import unittest
from concurrent.futures import ThreadPoolExecutor

from lab import Lab, wait
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration, fetches, mta_sts_records, policy, publish
from lab.policy_server import netstring
from serving import Server

SECURE = "OK secure match=mx.{} servername=hostname"
TLSA = "TLSA 3 1 1 " + "ab" * 32


class World(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.web = HttpsServer(self.lab)
        zones = {domain: {"@": ["MX 10 mx"], "mx": ["A 192.0.2.1"], **mta_sts_records(self.web)}
                 for domain in ("good.test", "trial.test", "none.test", "bound.test")}
        zones["bound.test"]["_25._tcp.mx"] = [TLSA]
        zones["bare.test"] = {"@": ["MX 10 mx"], "mx": ["A 192.0.2.1"]}
        signed = [".", "test", "bound.test"]
        self.dns = Dns(self.lab, {".": {}, "test": {}, **zones}, signed=signed, port=0)
        for domain, mode in (("good", "enforce"), ("trial", "testing"), ("none", "none"), ("bound", "enforce")):
            publish(self.lab, self.web, f"{domain}.test", policy(mode, f"mx.{domain}.test"))
        self.server = self.new_server()

    def new_server(self) -> "Serving":
        return Serving(self.lab, self.dns, self.web)


class Serving(Server):
    """The server with the lab's names and policy hosts."""

    def __init__(self, lab: Lab, dns: Dns, web: HttpsServer) -> None:
        self.folder = lab.new_folder("serve")
        self.socket = self.folder / "socketmap.sock"
        host = lab.address()
        self.address = (host, lab.free_port(host))
        self.metrics_address = (host, lab.free_port(host))
        self.settings = Configuration(lab, dns, web, serve={
            "listen": [f"unix:{self.socket}", f"inet:{host}:{self.address[1]}"],
            "metrics": f"{host}:{self.metrics_address[1]}"})
        self.configuration = self.settings.path
        self._lab, self._environment = lab, None
        self.start()

    def start_without_dns(self) -> None:
        """After it has stopped, with name servers at addresses where nobody answers."""
        self.settings.tables["dns"] |= {"servers": [self._lab.address()], "timeout": 5}
        self.settings.write()
        self.start()


class Discovery(World):
    def test_policies_are_discovered_and_replied_in_each_dialect(self) -> None:
        ask = self.server.ask
        self.assertEqual(ask("postfix good.test"), SECURE.format("good.test"))
        self.assertEqual(ask("sts good.test"), SECURE.format("good.test"))
        self.assertEqual(ask("QUERYwithTLSRPT good.test"), SECURE.format("good.test") + (
            " protocols=>=TLSv1.2 policy_type=sts policy_domain=good.test { policy_string = version: STSv1 }"
            " { policy_string = mode: enforce } { policy_string = mx: mx.good.test }"
            " { policy_string = max_age: 604800 } mx_host_pattern=mx.good.test"))
        for domain in ("trial.test", "none.test", "bare.test", "nosuch.test"):
            for name in ("postfix", "QUERYwithTLSRPT", "sts"):
                self.assertEqual(ask(f"{name} {domain}"), "NOTFOUND ", (name, domain))

    def test_dane_has_precedence_over_mta_sts_with_postfix_and_does_not_count_for_sendmail(self) -> None:
        self.assertEqual(self.server.ask("postfix bound.test"), "OK dane-only")
        self.assertEqual(self.server.ask("QUERYwithTLSRPT bound.test"), "OK dane-only")
        self.assertEqual(self.server.ask("sts bound.test"), SECURE.format("bound.test"))

    def test_all_requests_at_the_same_time_share_one_fetch(self) -> None:
        with ThreadPoolExecutor(20) as threads:
            replies = list(threads.map(self.server.ask, ["postfix good.test", "sts good.test"] * 20))
        self.assertEqual(set(replies), {SECURE.format("good.test")})
        self.assertEqual(len(fetches(self.web, "good.test")), 1)

    def test_a_policy_that_it_fetched_makes_no_other_reply_be_looked_up_again(self) -> None:
        overrides = self.server.folder / "overrides"
        overrides.touch()
        self.server.program.stop()
        self.server.settings.tables["top"]["overrides"] = overrides
        self.server.settings.write()
        self.server.start()
        before = self.server.metrics()["generations_total"]
        for domain in ("good.test", "bound.test"):
            self.assertEqual(self.server.ask(f"sts {domain}"), SECURE.format(domain))
        # A change that is seen when the server looks around, as those of the cache by other processes are.
        overrides.write_text("elsewhere.test none\n")
        wait.until(lambda: self.server.metrics()["reloads_total"] == 1)
        self.assertEqual(self.server.metrics()["generations_total"], before + 1)


class Restart(World):
    def test_what_was_discovered_is_in_force_without_dns_and_otherwise_only_what_a_list_says(self) -> None:
        self.assertEqual(self.server.ask("postfix good.test"), SECURE.format("good.test"))
        self.assertEqual(self.server.ask("postfix bound.test"), "OK dane-only")
        self.server.settings.install({"listed.test": {"mode": "enforce", "mxs": ["mx.listed.test"]}})
        self.server.program.stop()
        self.server.start_without_dns()
        with self.server.connect() as client:
            client.send(netstring("sts good.test") + netstring("postfix good.test"))
            self.assertEqual(client.reply(), SECURE.format("good.test"))
            # Sendmail did not have to wait until the DNS timed out; Postfix does, as there may be DANE by now.
            self.assertEqual(self.server.metrics()["under_way"], 1)
            self.assertEqual(client.reply(), SECURE.format("good.test"))
        self.assertEqual(self.server.ask("postfix bound.test"), "OK dane-only")
        # A list does not replace an unknown DANE verdict, and counts if there is no DANE.
        self.assertEqual(self.server.ask("postfix listed.test"), "TEMP DANE cannot be looked up now")
        self.assertEqual(self.server.ask("sts listed.test"), SECURE.format("listed.test"))
        self.assertEqual(self.server.ask("postfix never-seen.test"), "OK dane")
        self.assertEqual(self.server.ask("sts never-seen.test"), "NOTFOUND ")

    def test_a_purge_and_an_update_by_other_processes_count_at_once(self) -> None:
        self.assertEqual(self.server.ask("postfix good.test"), SECURE.format("good.test"))
        self.assertEqual(self.server.ask("postfix listed.test"), "NOTFOUND ")
        self.server.settings.install({"listed.test": {"mode": "enforce", "mxs": ["mx.listed.test"]}})
        wait.until(lambda: self.server.ask("postfix listed.test") == SECURE.format("listed.test"))
        publish(self.lab, self.web, "good.test", policy("enforce", "mx2.good.test"))
        self.assertEqual(self.server.settings.tool("sts", "fetch", "good.test").returncode, 0)
        wait.until(lambda: "mx2.good.test" in self.server.ask("postfix good.test"))
        publish(self.lab, self.web, "good.test", policy("enforce", "mx3.good.test"))
        self.assertEqual(self.server.settings.tool("sts", "cache", "--purge", "good.test").returncode, 0)
        wait.until(lambda: "mx3.good.test" in self.server.ask("postfix good.test"))


if __name__ == "__main__":
    unittest.main()

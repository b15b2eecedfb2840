"""Every mistake in a configuration file is reported as FILE:LINE:COLUMN, with what is written there.

A mistake of each kind is made with each key that the manual pages name.
"""

import re
import tempfile
import unittest
from pathlib import Path

from lab import program
from lab.program import SOURCE_TREE

CONFIG = 78
SECRET = "s3cret"

# Invalid values for a key of this kind.
TEXT = ("7", "true", "['a']", "1979-05-27", "{ a = 1 }")
PATH = (*TEXT, '"a\\u0000b"')
TEXTS = ("7", "'a'", "[7]", "['a', 7]", "[['a']]")
FLAG = ("1", "'yes'", "[]")
NUMBER = ("'7'", "-1", "1.5", "100000000000", "true", "[]")
NUMBERS = ("25", "['25']", "[0]", "[25, 65536]", "[25, -1]")
SECONDS = ("'7'", "-1", "1000000000", "nan", "inf", "[]")
MODE = ("7", "'rw'", "'0999'", "'1777'", "''", "'07777'")
ADDRESS = ("7", "'9461'", "'unix:relative'", "'inet:inet:127.0.0.1:9461'", "'inet:127.0.0.1'", "'127.0.0.1:65536'",
           "'[::1]'", "'inet:::1:9461'", "'unix:/run/'", "'some where:9461'")
VERSION = (*TEXT, "'new'", "'3'")
DOMAIN = (*TEXT, "'a b'", "'a..b'")
DOMAINS = (*TEXTS, "['a b']", "['a.test', '']")
SERVERS = (*TEXTS, "['nowhere']", "['127.0.0.1', '127.0.0.1@0']")


def words(*wrong: str) -> tuple[str, ...]:
    return (*TEXT, *wrong, "''")


DISCOVERY = {
    "dns": {"servers": SERVERS, "resolv_conf": PATH, "stub_zones": (*TEXTS, "['a.test']", "['a.test nowhere']"),
            "dnssec": FLAG, "trust_anchor": PATH, "timeout": SECONDS},
    "mta-sts": {"cache": PATH, "ca_file": PATH, "https_port": NUMBER, "private_addresses": FLAG, "timeout": SECONDS,
                "connect_timeout": SECONDS, "max_fetches": NUMBER, "max_fetches_per_address": NUMBER},
}

DAEMON = {
    "socket": (*ADDRESS, "''"), "socket_mode": MODE, "socket_group": TEXT, "socket_owner": TEXT, "user": TEXT,
    "log": words("'file'"), "log_level": words("'loud'"), "pid_file": PATH, "sync_interval": SECONDS,
    "fold_interval": SECONDS, "metrics": ADDRESS, "metrics_mode": MODE, "mta_log": (*TEXT, "'mail.log'"),
    "retention_days": NUMBER}

TLSRPT = {
    "": {"state_dir": (*PATH, "''"), "store": (*TEXT, "'mysql://u:" + SECRET + "@db'")},
    "milter": {
        **DAEMON, "mta_log_services": TEXTS, "exclude_mta_log_services": TEXTS,
        "local_networks": (*TEXTS, "['here']", "['192.0.2.1/24']"), "exclude_ports": NUMBERS, "exclude_daemons": TEXTS,
        "ports": NUMBERS, "daemons": TEXTS, "record_authenticated": FLAG, "client_address": words("'half'"),
        "on_downgrade": words("'bounce'"), "downgrade_after": NUMBER, "downgrade_exempt": DOMAINS,
        "max_idle_threads": NUMBER},
    "collector": {**DAEMON, "socket": (*ADDRESS, "''", "'inet:127.0.0.1:1'"), "max_policies": NUMBER},
    "report": {
        "organization": TEXT, "contact": TEXT, "domains": DOMAINS, "min_tls": (*TEXT, "'TLSv1.4'"),
        "mail": (*TEXT, "''", "'-t'", "'https://a.test'"), "max_rejected_size": NUMBER, "max_store_size": NUMBER,
        "rua": (*TEXTS, "['nowhere']"), "send_window": SECONDS, "trusted_authserv_ids": (*TEXTS, "['a b']", "['']"),
        "policy_domain": DOMAIN, "check_state": PATH, "receive": ADDRESS, "max_posts": NUMBER,
        "max_posts_per_client": NUMBER},
    "[policy]": {"domain": DOMAIN, "file": PATH},
    "[destination]": {"domain": DOMAIN, "rua": (*TEXTS, "['nowhere']")},
    "[reporter]": {"name": TEXT, "domains": DOMAINS},
    **DISCOVERY,
}

LISTTOOL = {
    "": {"state_dir": (*PATH, "''"), "overrides": PATH, "deliveries": PATH},
    "[list]": {
        "name": (*TEXT, "''", "'a/b'", "'.a'", "'override'"), "url": (*TEXT, "'http://a.test/list?key=" + SECRET + "'"),
        "file": PATH, "signature": (*TEXT, "'http://a.test/sig'"), "keys": (*TEXTS, "['RW']"),
        "key_files": (*TEXTS, "['missing']", "['']"), "root_keys": (*TEXTS, "['RW']"), "threshold": NUMBER,
        "signatures": NUMBER, "list_name": (*TEXT, "'a/b'"), "signed_file": TEXT, "require_signed_file": FLAG,
        "openpgp_key_file": PATH, "allow_legacy": FLAG, "max_shrink": NUMBER},
    "[output]": {
        "mta": words("'qmail'"), "file": (*PATH, "''", "'a/'"), "type": (*TEXT, "'btre'"), "early_adopter": FLAG,
        "postfix_version": VERSION, "next_hops": (*TEXTS, "['a b']"), "command": (*TEXTS, "['']", '["a\\u0000"]')},
    "fetch": {"timeout": SECONDS, "connect_timeout": SECONDS, "max_size": NUMBER, "max_redirects": NUMBER, "ca_file": PATH},
    "check": {"domains": DOMAINS, "days": NUMBER, "ehlo": DOMAIN, "state": PATH},
    "serve": {
        "listen": (*TEXTS, *(f"[{one}]" for one in ADDRESS[1:]), "['']"), "user": TEXT, "group": (*TEXT, "'mail'"),
        "socket_mode": MODE, "socket_group": TEXT, "metrics": ADDRESS, "dane": FLAG, "dane_max_stale": SECONDS,
        "wait_for_dane": FLAG, "early_adopter": FLAG, "hold_without_policy": FLAG, "postfix_version": VERSION,
        "answer_timeout": SECONDS, "idle_timeout": SECONDS, "max_connections": NUMBER, "max_domains": NUMBER,
        "max_lookups": NUMBER, "log": words("'sylog'"), "log_level": words("'loud'")},
    "publish": {
        "name": (*TEXT, "'a/b'", "'.a'"), "url": (*TEXT, "'http://a.test/'", "'https://a.test/list'"), "author": TEXT,
        "directory": (*PATH, "''"), "secret_keys": (*TEXTS, "['']"), "expires_days": (*NUMBER, "1"),
        "check_hours": NUMBER, "doubting_reporters": NUMBER,
        "report_to": (*TEXTS, "['tls@a.test']"), "receive": ADDRESS, "watch_days": NUMBER, "grace_days": NUMBER, "grace_checks": (*NUMBER, "0"),
        "max_change": (*NUMBER, "101"), "max_unknown": (*NUMBER, "101"), "mail_from": (*TEXT, "'a'", "'a b@c.test'"),
        "keep_editions": (*NUMBER, "1"), "mail": (*TEXT, "''", "'-t'", "'https://a.test'")},
    "programs": {name: (*PATH, "''") for name in ("postmap", "makemap", "gpgv", "minisign")},
    **DISCOVERY,
}

KEYS_OF_LISTS = 'name = "a"\nfile = "a"\nkeys = ["RWTF4yuwIAnmYbpPD5yPkSKKgETilaz2EDUjwK4iWzL18LYnsWSL6okf"]\n'
REQUIRED = {"[list]": KEYS_OF_LISTS, "[output]": 'mta = "postfix"\nfile = "m"\n',
            "[policy]": 'domain = "a.test"\nfile = "f"\n', "[reporter]": 'name = "a"\ndomains = ["a.test"]\n'}


def keys_in_manual(name: str) -> set[str]:
    text = (SOURCE_TREE / "man" / name).read_text()
    lines = re.findall(r"(?m)^\.It Cm ([a-z_]+(?: , [a-z_]+)*)$", text)
    return {key for line in lines for key in line.split(" , ")}


def file_with(table: str, key: str, value: str) -> tuple[str, int]:
    """A file with this value of the key, and its line."""
    head = f"[{table}]\n" if table else ""
    head += "".join(f"{line}\n" for line in REQUIRED.get(table, "").splitlines() if line.split()[0] not in (key, {"url": "file"}.get(key)))
    return f"# a comment\n{head}{key} = {value}\n", head.count("\n") + 2


class Places(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def refused(self, command: tuple[str, ...], content: str) -> str:
        """The one line that reports the error, without the name of the file."""
        file = self.folder / "x.toml"
        file.write_text(content)
        done = program.run(command[0], "-c", file, *command[1:])
        self.assertEqual((done.returncode, done.stdout), (CONFIG, ""), f"{content}{done.stderr}")
        match = re.fullmatch(rf"{command[0]}: {re.escape(str(file))}:(.+)\n", done.stderr)
        self.assertIsNotNone(match, f"{content}{done.stderr}")
        self.assertNotIn(SECRET, done.stderr)
        return match[1]

    def assert_all(self, command: tuple[str, ...], tables: dict[str, dict[str, tuple[str, ...]]]) -> None:
        for table, keys in tables.items():
            for key, values in keys.items():
                for value in values:
                    content, line = file_with(table, key, value)
                    with self.subTest(table=table, key=key, value=value):
                        said = self.refused(command, content)
                        self.assertRegex(said, rf"^{line}:\d+: ")
                        self.assertIn(key, said)
                        scalar = re.fullmatch(r"'([^']+)'|(-?\d+\.?\d*|true)", value)
                        if scalar and key not in ("url", "store", "signature"):
                            self.assertIn(scalar[1] or scalar[2], said, "as it is written")

    def assert_structure(self, command: tuple[str, ...], tables: dict[str, dict[str, tuple[str, ...]]]) -> None:
        for table, keys in tables.items():
            content, line = file_with(table, next(iter(keys))[:-1] + "z", "1")
            with self.subTest(content):
                self.assertRegex(self.refused(command, content), rf"^{line}:1: unknown key ")
            if table:
                name = table.strip("[]")
                for text in (f"{name} = 1\n", f"{name} = 'x'\n", f"{name} = [1]\n",
                             f"[{name}]\n" if table.startswith("[") else f"[[{name}]]\n"):
                    with self.subTest(text):
                        self.assertRegex(self.refused(command, text), r"^1:\d+: ")
        for text in ("= 1\n", "a\n", "a = \n", "[a\n", 'a = "x\n', "a = 1\na = 2\n", "surplus = 1\n", "[surplus]\n",
                     "[[surplus]]\n"):
            with self.subTest(text):
                self.assertRegex(self.refused(command, text), r"^[12]:\d+: ")

    def test_of_tlsrpt_toml_for_the_milter(self) -> None:
        # Destinations and how domains are examined concern tlsrpt-report alone.
        tables = {table: {key: values for key, values in keys.items() if key != "rua"} for table, keys in TLSRPT.items()
                  if table not in DISCOVERY}
        command = ("tlsrpt-milter", "--check-config")
        self.assert_all(command, tables)
        self.assert_structure(command, tables)

    def test_of_tlsrpt_toml_for_the_reports(self) -> None:
        self.assert_all(("tlsrpt-report", "summary"), TLSRPT)
        self.assert_structure(("tlsrpt-report", "summary"), TLSRPT)

    def test_of_listtool_toml(self) -> None:
        command = ("starttls-listtool", "update")
        self.assert_all(command, LISTTOOL)
        self.assert_structure(command, LISTTOOL)

    def test_every_key_of_the_manuals_is_here(self) -> None:
        for manual, tables in (("tlsrpt.toml.5", TLSRPT), ("listtool.toml.5", LISTTOOL)):
            known = {key for keys in tables.values() for key in keys}
            self.assertEqual(keys_in_manual(manual) - known, set(), manual)

    def test_users_and_groups_that_do_not_exist(self) -> None:
        state = f'state_dir = "{self.folder}/state"\n'
        for command, table in ((("tlsrpt-milter", "--check-config"), "milter"), (("tlsrpt-milter", "-f"), "milter"),
                               (("starttls-listtool", "serve"), "serve")):
            listen = (f'listen = ["unix:{self.folder}/s"]\n' if table == "serve" else f'socket = "unix:{self.folder}/s"\n')
            for key in ("user", "socket_group", *(["socket_owner"] if table == "milter" else [])):
                with self.subTest(command, key=key):
                    said = self.refused(command, f'{state}[{table}]\n{listen}{key} = "no such name"\n')
                    self.assertRegex(said, rf"^4:\d+: '{table}\.{key}' is wrong: there is no (user|group) 'no such name'")
        said = self.refused(("starttls-listtool", "serve"),
                            f'{state}[serve]\nlisten = ["unix:{self.folder}/s"]\nuser = "daemon"\ngroup = "no such name"\n')
        self.assertRegex(said, r"^5:9: 'serve\.group' is wrong: there is no group 'no such name'")

    def test_overrides(self) -> None:
        file = self.folder / "x.toml"
        file.write_text(f'state_dir = "{self.folder}/state"\noverrides = "own"\n')
        own = self.folder / "own"
        for line, place in (("a..b enforce mx.a.test", "2:1"), ("a.test", "2:1"), ("a.test testing mx.a.test", "2:8"),
                            ("a.test enforce", "2:8"), ("a.test enforce mx..test", "2:16"), ("a.test none mx.a.test", "2:13"),
                            ("b.test none", "2:1"), ("a.test enfoce mx.a.test", "2:8")):
            with self.subTest(line):
                own.write_text(f"b.test none\n{line}\n")
                done = program.run("starttls-listtool", "-c", file, "lookup", "a.test")
                self.assertEqual(done.returncode, CONFIG, done.stderr)
                self.assertTrue(done.stderr.startswith(f"starttls-listtool: {own}:{place}: "), done.stderr)

    def test_relative_paths_start_at_the_directory_of_the_file(self) -> None:
        for name, content, command in (
                ("tlsrpt-report", 'state_dir = "state"\n', ("--json", "read", "--no-lookup", "-")),
                ("tlsrpt-milter", 'state_dir = "state"\n[milter]\nsocket = "unix:{}/s"\npid_file = "no/pid"\n', ("-f",)),
                ("starttls-listtool", 'state_dir = "state"\noverrides = "own"\n', ("lookup", "a.test"))):
            with self.subTest(name):
                file = self.folder / "x.toml"
                file.write_text(content.replace("{}", str(self.folder)))
                done = program.run(name, "-c", file, *command)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(f"{self.folder}/", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()

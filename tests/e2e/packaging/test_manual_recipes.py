"""Recipes of the manual, HOW DO I, carried out: only paths, addresses and ports are those of the lab."""

import json
import os
import re
import shutil
import subprocess
import unittest
from collections.abc import Mapping
from pathlib import Path

from lab import Lab, manual, program, wait
from lab.postgres import NAME, PASSWORD, PROGRAMS, Postgres
from lab.process import Process
from lab.program import Program


def recipe(page: str, title: str) -> list[manual.Example]:
    """The examples of one question."""
    text = manual.pages()[page].section("HOW DO I")
    found = re.search(rf"\.Ss {re.escape(title)}\n(.*?)(?=\n\.Ss |\Z)", text, re.DOTALL)
    assert found, title
    return manual.Page(Path(page), found[1]).examples()


def run_script(script: str, directory: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run the lines like a shell into which they are pasted; the first line that fails is an error."""
    done = subprocess.run(["bash", "-e"], input=script, cwd=directory, capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(environment or {})})
    if done.returncode:
        raise RuntimeError(f"{script}\n{done.stderr}")


class Recipes(unittest.TestCase):
    def start_milter(self, lab: Lab, directory: Path, configuration: str) -> Program:
        """A milter that records the clients of the lab."""
        file = directory / "tlsrpt.toml"
        file.write_text(f'{configuration}\n[milter]\nlocal_networks = []\nfold_interval = 0.05\nsync_interval = 0.05\n')
        file.chmod(0o600)
        milter = Program(lab, "tlsrpt-milter", "-f", "-c", file, "--state-dir", directory / "state", "-s",
                         f"unix:{directory}/milter.sock")
        milter.stderr.wait_for("listens on", process=milter.popen)
        return milter

    def record(self, lab: Lab, directory: Path, number: int, first: int = 0) -> None:
        argv = [program.path_of("milter-load"), "-s", f"unix:{directory}/milter.sock", "--mx", "mx.example.test",
                "-c", "5", "-n", str(number), "--first", str(first)]
        load = Process(argv, folder=lab.new_folder("load"), lab_folder=lab.folder)
        lab.at_end(load.kill)
        self.assertEqual(load.wait(60), 0, load.stderr.text())

    def sessions(self, directory: Path, *arguments: str) -> int:
        done = program.run("tlsrpt-report", "-c", directory / "tlsrpt.toml", "--state-dir", directory / "state",
                           "--json", "summary", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["total"]["sessions"]

    def test_back_up_and_restore(self) -> None:
        with Lab() as lab:
            if not shutil.which("sqlite3"):
                self.skipTest("needs the program sqlite3")
            directory, backups = lab.new_folder("host"), lab.new_folder("backups")
            state = directory / "state"

            def here(script: str) -> str:
                for place, ours in {"/var/lib/starttls-toolkit/tlsrpt": state, "/var/backups": backups,
                                    "/etc/starttls-toolkit": directory}.items():
                    script = script.replace(place, str(ours))
                script = script.replace("-o starttls-toolkit -g starttls-toolkit ", "")
                return re.sub(r"^systemctl .*$", "", script, flags=re.MULTILINE)

            back_up, restore = recipe("tlsrpt-milter.8", "back up and restore")
            milter = self.start_milter(lab, directory, "")
            self.record(lab, directory, 30)
            segments = state / "journal"
            wait.until(lambda: all(file.stat().st_size <= 8 for file in segments.glob("*.segment")))
            run_script(here(back_up.text), directory)
            self.record(lab, directory, 12, first=1000)
            self.assertEqual(self.sessions(directory), 42)

            self.assertEqual(milter.stop(30), 0)
            run_script(here(restore.text), directory)
            self.assertEqual(self.sessions(directory), 30)
            self.assertEqual((backups / "tlsrpt/tlsrpt.toml").read_text(), (directory / "tlsrpt.toml").read_text())

            self.start_milter(lab, directory, "")
            self.record(lab, directory, 5, first=2000)
            self.assertEqual(self.sessions(directory), 35)

    def test_shrink_the_store(self) -> None:
        with Lab() as lab:
            if not shutil.which("sqlite3"):
                self.skipTest("needs the program sqlite3")
            directory = lab.new_folder("host")
            milter = self.start_milter(lab, directory, "")
            self.record(lab, directory, 30)
            self.assertEqual(milter.stop(30), 0)
            [shrink] = recipe("tlsrpt-milter.8", "act when the disk is full")
            script = shrink.text.replace("/var/lib/starttls-toolkit/tlsrpt", str(directory / "state"))
            run_script(re.sub(r"^systemctl .*$", "", script, flags=re.MULTILINE), directory)
            self.assertEqual(self.sessions(directory), 30)

    def test_a_shared_store_needs_a_user_and_its_database(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            server.execute(f"DROP DATABASE {NAME}", superuser=True)
            server.execute(f"DROP ROLE {NAME}", superuser=True)
            examples = recipe("tlsrpt-milter.8", "share one PostgreSQL store among several MX hosts")
            [create] = [one.text for one in examples if "createuser" in one.text]
            [store] = [one.text for one in examples if one.kind == "tlsrpt.toml"]
            address = dict(pair.split("=") for pair in server.socket_url.partition("?")[2].split("&"))
            # createuser asks for the password on a terminal.
            run_script(create.replace("sudo -u postgres ", "").replace("--pwprompt ", ""), lab.folder,
                       {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "PGUSER": "postgres", "PGPORT": address["port"],
                        "PGHOST": address["host"].replace("%2F", "/")})
            server.execute(f"ALTER ROLE {NAME} PASSWORD '{PASSWORD}'", superuser=True)

            for number in (1, 2):
                directory = lab.new_folder(f"mx{number}")
                ours = re.sub(r'"postgresql://.*"', f'"{server.url}"', store)
                self.start_milter(lab, directory, ours)
                self.record(lab, directory, 10, first=1000 * number)
            # The first fold creates the table.
            wait.until(lambda: server.execute("SELECT to_regclass('session_counts') IS NOT NULL") == [["t"]])
            wait.until_equal(lambda: server.execute("SELECT sum(sessions) FROM session_counts"), [["20"]])
            self.assertEqual(self.sessions(directory, "--by", "mx"), 20)

    def test_postfix_gets_the_answers_under_the_names_of_other_servers(self) -> None:
        with Lab() as lab:
            if not shutil.which("postmap"):
                self.skipTest("needs the program postmap (package postfix)")
            directory, address = lab.new_folder("listtool"), lab.address()
            port = lab.free_port(address)
            (directory / "main.cf").write_text("compatibility_level = 3.6\n")
            (directory / "overrides").write_text("example.org enforce mx.example.org\n")
            configuration = directory / "listtool.toml"
            configuration.write_text(f'overrides = "overrides"\n[serve]\nlisten = ["inet:{address}:{port}"]\n')
            server = Program(lab, "starttls-listtool", "-c", configuration, "--state-dir", directory / "lists", "serve")
            server.stderr.wait_for("answers on", process=server.popen)
            asked = 0
            for title in ("see that it works", "migrate from postfix-mta-sts-resolver", "migrate from postfix-tlspol"):
                for example in recipe("starttls-listtool.1", title):
                    for line in re.findall(r"^postmap .*socketmap:.*$", example.text, re.MULTILINE):
                        words = re.sub(r"inet:127\.0\.0\.1:\d+", f"inet:{address}:{port}", line).split()
                        done = subprocess.run(words, capture_output=True, text=True, timeout=60,
                                              env={**os.environ, "MAIL_CONFIG": str(directory)})
                        self.assertEqual((done.returncode, done.stderr), (0, ""), line)
                        self.assertTrue(done.stdout.startswith("secure match=mx.example.org"), done.stdout)
                        asked += 1
            self.assertEqual(asked, 3)


if __name__ == "__main__":
    unittest.main()

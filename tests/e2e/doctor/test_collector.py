"""`tlsrpt-report doctor` beside a Postfix 3.10 that sends its results to tlsrpt-collector, and where something is wrong
with that."""

import os
import shutil
import signal
import time
import unittest

from doctoring import Host
from lab import Lab, unpacked, wait
from lab.collector import QUICK, Collector, datagram
from lab.dns import Dns
from lab.postfix import Sender

# What is said of a host with Postfix and without the milter, the units and mail.
OF_THE_REST = {"milter-attached", "milter-socket", "milter-unit", "smtpd-tls-level", "smtpd-certificate", "collector-unit",
               "last-session", "milter-default-action"}


def setUpModule() -> None:
    unpacked.choose_release("13")


class Outbound(unittest.TestCase):
    """One host for all of these tests; each leaves it as it has found it."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.lab.require_root()
        cls.mta = Sender(cls.lab, Dns(cls.lab, {".": {}}), {"smtp_tlsrpt_enable": "yes",
                                                            "smtp_tlsrpt_socket_name": "tlsrpt/collector.sock"})
        cls.folder = cls.mta.folder / "queue/tlsrpt"
        cls.folder.mkdir(mode=0o750)
        shutil.chown(cls.folder, group="postfix")
        cls.collector = Collector(cls.lab, socket=cls.folder / "collector.sock", settings=QUICK | {"user": "root"})
        cls.collector.state.chmod(0o750)

    def setUp(self) -> None:
        self.host = Host(self, self.mta, "tlsrpt-report", self.collector.configuration)
        self.host.words = unpacked.with_libraries(self.host.words[0], self.mta.folder / "libraries")

    def findings(self) -> dict[str, dict[str, str]]:
        return {check["code"]: check for check in self.host.findings() if check["code"] not in OF_THE_REST}

    def seen(self, code: str) -> list[str]:
        return [check["level"] for check in self.host.checks() if check["code"] == code]

    def test_a_right_host_has_no_finding(self) -> None:
        self.assertEqual(self.findings(), {})
        for code in ("collector-attached", "collector-socket", "collector-access"):
            self.assertEqual(self.seen(code), ["ok"], code)
        self.assertEqual(self.collector.day().malformed, 0, "nothing was sent")

    def test_settings_of_main_cf(self) -> None:
        for name, parameters, level in (
                ("another path", {"smtp_tlsrpt_socket_name": "tlsrpt/other.sock"}, "fault"),
                ("a path elsewhere", {"smtp_tlsrpt_socket_name": "/run/collector.sock"}, "fault"),
                ("no path", {"smtp_tlsrpt_socket_name": ""}, "fault"),
                ("not enabled", {"smtp_tlsrpt_enable": "no"}, "warning")):
            with self.subTest(name), self.host.main_cf(parameters):
                (check,) = self.findings().values()
                self.assertEqual((check["code"], check["level"]), ("collector-attached", level))
                for command in check["remedy"].split(" && "):
                    self.assertEqual(self.mta.run("sh", "-c", command).returncode, 0, command)
                self.assertEqual(self.findings(), {})

    def test_the_absolute_path_of_the_socket_is_right_without_a_chroot(self) -> None:
        with self.host.main_cf({"smtp_tlsrpt_socket_name": str(self.folder / "collector.sock")}):
            self.assertEqual(self.findings(), {})

    def test_results_that_only_the_log_has(self) -> None:
        text = self.collector.configuration.read_text()
        with self.host.changed(self.collector.configuration), self.host.main_cf({"smtp_tlsrpt_enable": "no"}):
            self.collector.configuration.write_text(f'{text}mta_log = "{self.mta.log.path}"\n')
            self.assertEqual(self.findings(), {})
            self.assertEqual(self.seen("collector-log"), ["ok"])
            with self.host.main_cf({"smtp_tls_loglevel": "0"}):
                (check,) = self.findings().values()
                self.assertEqual((check["code"], check["level"]), ("collector-log", "fault"))
                for command in check["remedy"].split(" && "):
                    self.assertEqual(self.mta.run("sh", "-c", command).returncode, 0, command)
                self.assertEqual(self.findings(), {})
            self.collector.configuration.write_text(f'{text}mta_log = "{self.folder}/other.log"\n')
            self.assertEqual(self.seen("collector-log"), ["fault", "fault"])  # not there, and not Postfix' own

    def test_rights_of_the_socket(self) -> None:
        socket = self.folder / "collector.sock"
        state = socket.stat()
        try:
            os.chown(socket, 0, 0)
            (check,) = self.findings().values()
            self.assertEqual((check["code"], check["level"]), ("collector-access", "fault"))
            self.assertEqual(self.mta.run("sh", "-c", check["remedy"]).returncode, 0)
            self.assertEqual(self.findings(), {})
        finally:
            os.chown(socket, state.st_uid, state.st_gid)
            socket.chmod(state.st_mode & 0o7777)

    def test_a_daemon_that_does_not_run(self) -> None:
        socket = self.folder / "collector.sock"
        moved = socket.with_suffix(".moved")
        socket.rename(moved)
        try:
            self.assertEqual(self.findings()["collector-socket"]["remedy"], "systemctl enable --now tlsrpt-collector")
            socket.write_text("")
            self.assertIn(f"rm {socket}; ", self.findings()["collector-socket"]["remedy"])
        finally:
            moved.rename(socket)

    def test_one_that_was_killed(self) -> None:
        place = self.folder / "other.sock"
        other = Collector(self.lab, socket=place)
        other.signal(signal.SIGKILL)
        other.wait()
        text = self.collector.configuration.read_text()
        with self.host.changed(self.collector.configuration), self.host.main_cf(
                {"smtp_tlsrpt_socket_name": "tlsrpt/other.sock"}):
            self.collector.configuration.write_text(text.replace("collector.sock", "other.sock"))
            self.assertIn("Connection refused", self.findings()["collector-socket"]["seen"])
        place.unlink()

    def test_results_that_wait_for_the_store(self) -> None:
        place = self.folder / "waiting.sock"
        other = Collector(self.lab, socket=place, metrics=True, settings={"fold_interval": 3600, "user": "root"})
        other.state.chmod(0o750)
        host = Host(self, self.mta, "tlsrpt-report", other.configuration)
        host.words = self.host.words
        wait.until((other.state / "outbound.sqlite").exists)  # what it finds when it starts is folded at once
        with self.host.main_cf({"smtp_tlsrpt_socket_name": "tlsrpt/waiting.sock"}):
            for results, level in ((0, "cannot-tell"), (1, "ok")):
                other.send(*[datagram("a.test")] * results)
                other.wait_for_metric("datagrams_total", results)
                levels = {check["code"]: check["level"] for check in host.checks()}
                self.assertEqual((levels["collector-journal"], levels["collector-last-result"]), ("ok", level))
            other.signal(signal.SIGSTOP)  # so that it writes nothing more
            for segment in (other.state / "outbound-journal").iterdir():
                os.utime(segment, (time.time() - 7200,) * 2)
            (check,) = [check for check in host.checks() if check["code"] == "collector-journal"]
            self.assertEqual(check["level"], "fault")
            self.assertRegex(check["seen"], r"^1 segment is not in the store, the oldest since 20")
        other.kill()
        place.unlink()


if __name__ == "__main__":
    unittest.main()

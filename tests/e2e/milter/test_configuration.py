"""The configuration file and the command line of tlsrpt-milter."""

import os
import subprocess
import unittest

from lab import Lab, program
from lab.process import Process
from recording import Milter, configuration


def start(*arguments: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    """A start that fails."""
    return program.run("tlsrpt-milter", "-f", *arguments)


class Mistakes(unittest.TestCase):
    BAD = {
        'state_dri = "/x"': "tlsrpt.toml:1:1: unknown key 'state_dri'; did you mean 'state_dir'?",
        '[milter]\nlog_levle = "info"': "did you mean 'milter.log_level'?",
        '[report]\norganisation = "us"': "did you mean 'report.organization'?",
        '[milter]\nsocket_mode = "0999"': "tlsrpt.toml:2:15: 'milter.socket_mode' is '0999', not an octal mode such as \"0660\"",
        '[milter]\nlog = "file"': "tlsrpt.toml:2:7: 'milter.log' is 'file'; it must be \"syslog\" or \"stderr\"",
        '[milter]\nfold_interval = 0': "'milter.fold_interval' is 0; it must be a number of seconds from",
        '[milter]\nsync_interval = "1"': "'milter.sync_interval' is '1'; it must be a number of seconds from",
    }

    def test_each_is_reported_with_its_place_in_one_line(self) -> None:
        with Lab() as lab:
            file = lab.folder / "tlsrpt.toml"
            for text, message in self.BAD.items():
                with self.subTest(text):
                    file.write_text(text)
                    done = start("-c", file, "-s", f"unix:{lab.folder}/socket", "--state-dir", lab.folder / "state")
                    self.assertEqual(done.returncode, 78, done.stderr)
                    self.assertIn(message, done.stderr)
                    self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertFalse((lab.folder / "state").exists(), "nothing was begun")

    def test_a_group_that_does_not_exist_is_one(self) -> None:
        with Lab() as lab:
            settings = {"state_dir": lab.folder / "state", "socket": f"unix:{lab.folder}/socket"}
            done = start("-c", configuration(lab.folder, settings | {"socket_group": "nosuchgroup"}))
            self.assertEqual(done.returncode, 78, done.stderr)
            self.assertIn("tlsrpt.toml:4:16: 'milter.socket_group' is wrong: there is no group 'nosuchgroup'", done.stderr)
            self.assertFalse((lab.folder / "socket").exists(), "nothing is left")

    def test_a_pid_file_that_cannot_be_written_is_an_error(self) -> None:
        with Lab() as lab:
            settings = {"state_dir": lab.folder / "state", "socket": f"unix:{lab.folder}/socket"}
            done = start("-c", configuration(lab.folder, settings | {"pid_file": lab.folder / "nowhere/pid"}))
            self.assertEqual(done.returncode, 73, done.stderr)
            self.assertIn("nowhere/", done.stderr)
            self.assertFalse((lab.folder / "socket").exists(), "nothing is left")

    def test_on_the_command_line_end_with_usage(self) -> None:
        with Lab() as lab:
            state = lab.folder / "state"
            for arguments in (["--sockte"], ["-s", "/no/scheme"], ["-s", "unix:relative"], ["surplus"]):
                with self.subTest(arguments):
                    done = start("--state-dir", state, *arguments)
                    self.assertEqual(done.returncode, 64, done.stderr)


class Settings(unittest.TestCase):
    def test_of_the_file_are_used(self) -> None:
        with Lab() as lab:
            folder = lab.new_folder("daemon")
            file = configuration(folder, {
                "state_dir": folder / "state", "socket": f"unix:{folder}/socket", "socket_mode": "0606",
                "socket_group": "daemon", "log": "stderr", "log_level": "warning", "pid_file": folder / "pid",
                "sync_interval": 0.5, "fold_interval": 2})
            with file.open("a") as more:
                more.write('[report]\norganization = "Example"\ncontact = "tls@example.test"\n')
            daemon = Process([program.path_of("tlsrpt-milter"), "-c", file], folder=folder, lab_folder=lab.folder)
            self.assertEqual(daemon.wait(), 0, daemon.stderr.text())
            socket = folder / "socket"
            self.assertEqual((socket.group(), socket.stat().st_mode & 0o777), ("daemon", 0o606))
            self.assertIn(int((folder / "pid").read_text()), lab.processes())
            self.assertTrue((folder / "state/journal").is_dir())
            self.assertEqual(daemon.stderr.text(), "", "log_level")

    def test_on_the_command_line_have_precedence(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            milter.stop()
            folder = lab.new_folder("other")
            again = Process([program.path_of("tlsrpt-milter"), "-f", "-c", milter.stderr.path.with_name("tlsrpt.toml"),
                             "-s", f"unix:{folder}/socket", "--state-dir", "state"],
                            folder=folder, lab_folder=lab.folder)
            lab.at_end(again.kill)
            again.stderr.wait_for(f"listens on unix:{folder}/socket, records in {folder}/state", process=again.popen)

    def test_help_shows_an_example(self) -> None:
        done = start("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("smtpd_milters = unix:", done.stdout)


if __name__ == "__main__":
    unittest.main()

"""The rows of the bench: a command of ours, the programs that it is compared with, and its targets."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inputs import ETAG, Inputs
from make_reports import FIRST_DAY, until
from programs import Command, Figures

MIB = 1024 * 1024
TODAYS_WAY = Path(__file__).with_name("todays_way.py")
REPORT_PEERS = Path(__file__).with_name("report_peers.py")
SEVERAL = " + "


@dataclass(frozen=True)
class Target:
    """`measured` may be at most `limit`. It is computed from the figures of our command and of all others."""
    what: str
    limit: float
    unit: str
    measured: Callable[[Figures, Mapping[str, Figures]], float]


@dataclass(frozen=True)
class Row:
    """`sums` are peers that consist of several programs, one after the other: their times are added.

    The targets are for the full-size list of the bench, unless the row is `of_any_size`.
    """
    name: str
    ours: Command
    peers: Sequence[Command] = ()
    targets: Sequence[Target] = ()
    sums: Sequence[Sequence[str]] = ()
    of_any_size: bool = False


def time_limit(milliseconds: float) -> Target:
    return Target("time", milliseconds, "ms", lambda ours, _: ours.seconds * 1000)


def memory_limit(mebibytes: float) -> Target:
    return Target("memory", mebibytes, "MiB", lambda ours, _: ours.peak / MIB)


def time_of(peer: str, times: float) -> Target:
    return Target(f"time of {peer}", times, "x", lambda ours, others: ours.seconds / others[peer].seconds)


def all_figures(row: Row, best: Mapping[str, Figures]) -> Mapping[str, Figures]:
    """The figures of all programs of the row, and of the sums."""
    return {**best, **{SEVERAL.join(names): _sum([best[name] for name in names]) for names in row.sums}}


def _sum(figures: Sequence[Figures]) -> Figures:
    return Figures(sum(one.seconds for one in figures), sum(one.processor_seconds for one in figures),
                   max(one.peak for one in figures))


def verify(inputs: Inputs) -> Row:
    keyring, signature = inputs.openpgp
    return Row(
        "verify",
        Command("verify", [inputs.listtool, "verify", inputs.big_list, "-p", inputs.key]),
        [_minisign(inputs), Command("gpgv", ["gpgv", "--quiet", "--keyring", keyring, signature, inputs.big_list])],
        [time_of("minisign -V", 1.3), memory_limit(16)])


def verify_small(inputs: Inputs) -> Row:
    small, key = inputs.small_list, inputs.small_list_key
    return Row(
        "verify-small",
        Command("verify", [inputs.listtool, "verify", small, "-p", key]),
        [Command("minisign -V", ["minisign", "-V", "-q", "-m", small, "-p", key])],
        [time_limit(12)],
        of_any_size=True)


def cdb(inputs: Inputs) -> Row:
    return Row(
        "cdb",
        _generate(inputs, "postfix", "cdb"),
        [_minisign(inputs), _python(inputs), _postmap(inputs, "cdb", ".cdb"), _postmap(inputs, "hash", ".db")],
        [time_of("postmap cdb", 0.4), memory_limit(64)],
        [["minisign -V", "python3 json", "postmap cdb"]])


def lmdb(inputs: Inputs) -> Row:
    return Row(
        "lmdb",
        _generate(inputs, "postfix", "lmdb"),
        [_minisign(inputs), _python(inputs), _postmap(inputs, "lmdb", ".lmdb")],
        sums=[["minisign -V", "python3 json", "postmap lmdb"]])


def text(inputs: Inputs) -> Row:
    return Row(
        "text",
        _generate(inputs, "postfix", "texthash"),
        [_minisign(inputs), _python(inputs), _jq(inputs)],
        [time_limit(800)],
        [["minisign -V", "python3 json"]])


def sendmail(inputs: Inputs) -> Row:
    return Row(
        "sendmail",
        _generate(inputs, "sendmail", "text"),
        [_minisign(inputs), _python(inputs)],
        sums=[["minisign -V", "python3 json"]])


def lint(inputs: Inputs) -> Row:
    return Row("lint", Command("lint list", [inputs.listtool, "lint", "list", inputs.big_list]), [_jq(inputs)])


def diff(inputs: Inputs) -> Row:
    return Row("diff", Command("diff", [inputs.listtool, "diff", inputs.big_list, inputs.changed_list], status=1),
               [_jq(inputs)])


def lookup(inputs: Inputs) -> Row:
    peer = "postmap -q, cdb"
    return Row(
        "lookup",
        Command("lookup", [inputs.listtool, "-c", inputs.installed, "lookup", inputs.domain]),
        [Command(peer,
                 ["postmap", "-c", inputs.postfix_folder, "-q", inputs.domain, f"cdb:{inputs.cdb_map}"])],
        [time_limit(20), time_of(peer, 1.3)])


def update(inputs: Inputs) -> Row:
    config = inputs.installed
    curl = ["curl", "--silent", "--show-error", "--cacert", inputs.ca_file, "--header", f"If-None-Match: {ETAG}",
            "--output", inputs.folder / "curl.body", "--write-out", "%{http_code} %{time_total}", "--fail", inputs.url]
    network = "curl, transfer only"
    return Row(
        "update",
        Command("update, unchanged", [inputs.listtool, "-c", config, "update"],
                count=lambda: len(inputs.web.requests)),
        [Command(network, curl, output=inputs.folder / "curl.out", tells_seconds=True)],
        [Target("requests", 1, "", lambda ours, _: ours.counted),
         Target(f"time beyond {network}", 20, "ms",
                lambda ours, others: (ours.seconds - others[network].seconds) * 1000)])


def update_changed(inputs: Inputs) -> Row:
    """Everything that `update` makes has a format that is written as a whole. It writes each file once."""
    least = inputs.updated_bytes
    return Row(
        "update-changed",
        Command("update, 1000 changed", [inputs.listtool, "-c", inputs.updating, "update"], prepare=inputs.install_again),
        [_minisign(inputs), _python(inputs), _postmap(inputs, "cdb", ".cdb")],
        [time_of("postmap cdb", 0.5), memory_limit(64),
         Target("written, of the files' sizes", 1.02, "x", lambda ours, _: ours.written / least)],
        [["minisign -V", "python3 json", "postmap cdb"]])


def read_files(inputs: Inputs) -> Row:
    return _read(inputs, "files", inputs.report_folders[0], 1 / 2.2)


def read_mails(inputs: Inputs) -> Row:
    return _read(inputs, "mails", inputs.report_folders[1], 1 / 4)


def summary(inputs: Inputs) -> Row:
    return _figures(inputs, "summary", "summary")


def html(inputs: Inputs) -> Row:
    return _figures(inputs, "html", "html", "-o", inputs.folder / "page.html")


ROWS: Mapping[str, Callable[[Inputs], Row]] = {
    "verify": verify,
    "verify-small": verify_small,
    "cdb": cdb,
    "text": text,
    "lookup": lookup,
    "update": update,
    "update-changed": update_changed,
    "lmdb": lmdb,
    "sendmail": sendmail,
    "lint": lint,
    "diff": diff,
    "read-files": read_files,
    "read-mails": read_mails,
    "summary": summary,
    "html": html,
}


def _read(inputs: Inputs, kind: str, folder: Path, times: float) -> Row:
    """Reads all reports into a new store; Python only reads them."""
    state = inputs.folder / f"read-{kind}"
    peer = f"python3, {kind}"
    return Row(
        f"read-{kind}",
        Command(f"read, {kind}", [inputs.report_tool, "--state-dir", state, "-q", "read", "--no-lookup", folder],
                writes=[state / f"reports.sqlite{suffix}" for suffix in ("", "-wal", "-shm")]),
        [Command(peer, [sys.executable, "-I", REPORT_PEERS, kind, folder])],
        [time_of(peer, times), memory_limit(64)])


def _figures(inputs: Inputs, name: str, *command: str | Path) -> Row:
    state = inputs.recorded_state
    return Row(
        name,
        Command(name, [inputs.report_tool, "--state-dir", state, *command, "--since", FIRST_DAY.isoformat(), "--until",
                       until()]),
        [Command("python3 sqlite3", [sys.executable, "-I", REPORT_PEERS, "store", state / "tlsrpt.sqlite"])],
        [time_limit(2000), memory_limit(64)])


def _generate(inputs: Inputs, mta: str, kind: str) -> Command:
    """Verifies the list, reads it and writes the map. Postfix itself appends suffixes such as .cdb to file names."""
    out = inputs.folder / f"generated-{mta}-{kind}"
    return Command(f"generate {mta}, {kind}",
                   [inputs.listtool, "generate", mta, "--list", inputs.big_list, "-p", inputs.key, "--type", kind,
                    "-o", out],
                   writes=[out, out.with_name(f"{out.name}.{kind}")])


def _minisign(inputs: Inputs) -> Command:
    return Command("minisign -V", ["minisign", "-V", "-q", "-m", inputs.big_list, "-p", inputs.key])


def _python(inputs: Inputs) -> Command:
    out = inputs.folder / "todays_map"
    return Command("python3 json", [sys.executable, "-I", TODAYS_WAY, inputs.big_list, out], writes=[out])


def _jq(inputs: Inputs) -> Command:
    return Command("jq", ["jq", "--raw-output", ".version", inputs.big_list])


def _postmap(inputs: Inputs, kind: str, suffix: str) -> Command:
    out = inputs.text_map.with_name(inputs.text_map.name + suffix)
    return Command(f"postmap {kind}", ["postmap", "-c", inputs.postfix_folder, f"{kind}:{inputs.text_map}"],
                   writes=[out])

"""Domains for the page of `starttls-listtool check --html`: what others choose is long, or tries to be markup."""

from collections.abc import Callable

from checking import Case
from lab.ca import CA
from lab.https import Answer
from lab.policy_domains import mta_sts_records, publish
from lab.smtp_server import Peer

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;<!--]]>"
UNBROKEN = "A" * 200
LONG_LABEL = "a-label-that-is-as-long-as-the-dns-allows-it-to-be-in-a-zone-63"
LONG_NAME = f"{LONG_LABEL}.{LONG_LABEL}.{LONG_LABEL}.hostile.test"


def plain(peer: Peer) -> None:
    peer.welcome()
    peer.read_to_the_end()


def limited(peer: Peer) -> None:
    peer.say("421 4.7.0 Too many connections\r\n")
    peer.read_to_the_end()


def hostile(text: str) -> Callable[[Peer], None]:
    def talk(peer: Peer) -> None:
        peer.say(f"220 mx.example.test {text}\x1b[31m\u202e\r\n")
        peer.hear("EHLO ")
        peer.say(f"250-mx.example.test\r\n250-{text.split()[0]}\r\n250 STARTTLS\r\n")
        peer.hear("STARTTLS")
        peer.say(f"554 5.7.0 {text}\r\n")
        peer.read_to_the_end()
    return talk


def add_mixed(case: Case) -> None:
    """A domain of every level, with real mail servers."""
    unknown = CA(case.lab.new_folder("ca"), "Unknown")
    certificate = case.lab.ca.issue("mx.sound.test")
    case.postfix("sound.test", certificate)
    case.zones["sound.test"]["_25._tcp.mx"] = [f"TLSA 3 1 1 {certificate.key_digest()}", "TLSA 3 1 1 " + "ab" * 32]
    case.mta_sts("sound.test")
    case.reports("sound.test", "mailto:tls@sound.test")
    case.postfix("fault.test", unknown.issue("mx.fault.test"))
    case.mta_sts("fault.test")
    case.postfix("warning.test", None)
    case.postfix("note.test", case.lab.ca.issue("other.test"))
    case.scripted("limited.test", limited)
    case.mta_sts("limited.test")
    case.zones["nothing.test"] = {"@": ["MX 0 ."]}


MIXED = ("sound.test", "note.test", "warning.test", "limited.test", "fault.test", "nothing.test")


def add_hostile(case: Case) -> None:
    """Markup in every text that others choose: greeting, EHLO, reply, TXT records, policy, certificate, names."""
    case.scripted("hostile.test", hostile(MARKUP))
    long_mx = {LONG_NAME.removesuffix(".hostile.test"): ["A 192.0.2.7"]}
    case.zones["hostile.test"]["@"].append(f"MX 20 {LONG_NAME}.")
    case.zones["hostile.test"] |= long_mx | mta_sts_records(case.web)
    text = MARKUP.replace('"', "").replace("\\", "")
    case.zones["hostile.test"]["_mta-sts"] = [f'TXT "v=STSv1; id=1; {text}={UNBROKEN};"']
    case.zones["hostile.test"]["_smtp._tls"] = [f'TXT "v=TLSRPTv1; rua=mailto:{text},{UNBROKEN}:{text}"']
    publish(case.lab, case.web, "hostile.test", "",
            answer=Answer(body=f"version: STSv1\nmode: {MARKUP}\nmx: {UNBROKEN}\nmax_age: 1\n".encode(),
                          headers={"Content-Type": "text/html"}))
    case.postfix("certificate.test", case.lab.ca.issue("<b>mx", sans=["<i>x", "*." + LONG_NAME]))
    case.mta_sts("certificate.test")

"""What each program says of a mail server, in the same words, so that it can be compared.

    answers = sslscan(servers, server)
    answers["suites TLSv1.2"] == {"TLS_RSA_WITH_AES_128_CBC_SHA", ...}

The questions, and their answers as sets:

    versions            TLS versions that are accepted: "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"
    suites VERSION      cipher suites, by the names of IANA
    suites              the same, of all versions
    groups VERSION      curves of the key exchange: "X25519", "secp256r1"; of TLS 1.3 and the newest version before it
    groups              the same, of all versions
    dh-bits VERSION     sizes of finite-field groups that are not named by RFC 7919
    order VERSION       who chooses the suite: "server", "client"; nothing where there is only one suite
    orders              the same, of all versions
    compression         of TLS: "yes", "no"
    key                 of the certificate: "RSA 2048", "EC P-256"
    sha-1               whether it is signed with SHA-1: "yes", "no"
    problems            why a sender that verifies the certificate does not deliver: "expired", "name", "untrusted"
    expired             whether its time has ended: "yes", "no"
    dane                "matches" or "fails"; only of a server with TLSA records

A question that a program does not ask has no answer. One that it asks and cannot answer has the answer None.
"""

import functools
import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

from lab import Lab, command
from servers import Server, Servers

Answer = frozenset[str] | None
Answers = dict[str, Answer]
Argv = list[str | Path]
# The longest that a program may take on a machine that is busy; testssl.sh takes a minute and a half for everything.
LONGEST = 600

# Also what Debian's OpenSSL refuses by default.
EVERYTHING = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
S_CLIENT_VERSIONS = {"TLSv1": "-tls1", "TLSv1.1": "-tls1_1", "TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}
TESTSSL_VERSIONS = {"TLS1": "TLSv1", "TLS1_1": "TLSv1.1", "TLS1_2": "TLSv1.2", "TLS1_3": "TLSv1.3"}
CURVES = {"prime256v1": "secp256r1", "secp256r1": "secp256r1", "x25519": "X25519", "x448": "X448"}
FINITE_FIELDS = ("DH", "modp_")

# The words of each program for what is wrong with a certificate.
WORDS = {"expired": "expired", "does not match": "name", "hostname mismatch": "name", "issuer is unknown": "untrusted",
         "insecure algorithm": "untrusted", "too weak": "untrusted", "unable to get local issuer": "untrusted",
         "unable to verify the first": "untrusted", "untrusted issuer": "untrusted"}


def one(word: str) -> Answer:
    return frozenset([word])


def yes(is_so: bool) -> Answer:
    return one("yes" if is_so else "no")


def problems_in(text: str) -> Answer:
    return frozenset(problem for words, problem in WORDS.items() if words in text)


def run(*argv: str | Path, text_in: str = "") -> str:
    """What it prints; most of these programs end with a status that says what they found."""
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=LONGEST, input=text_in,
                          check=False)
    return done.stdout + done.stderr


@functools.cache
def openssl_names() -> Mapping[str, str]:
    """OpenSSL's name of each suite, by that of IANA."""
    listed = command.run("openssl", "ciphers", "-stdname", EVERYTHING)
    return dict(re.findall(r"^(\S+) +- (\S+)", listed, re.MULTILINE))


@functools.cache
def iana_names() -> Mapping[str, str]:
    return {name: iana for iana, name in openssl_names().items()}


def check(found: Mapping) -> Answers:
    """Of what `starttls-listtool --json check` says about a domain with one address, also without --thorough."""
    [server] = found["servers"]
    seen = {finding["code"]: finding["seen"] for finding in found["findings"]}
    answers: Answers = _of_certificate(seen)
    if "dane-match" in seen:
        answers["dane"] = one("matches" if seen["dane-match"].startswith("a TLSA record matches") else "fails")
    if "accepted" not in server:
        return answers
    accepted = {one["version"]: one for one in server["accepted"] if one["suites"]}
    incomplete = [f"{version['version']}: {version['incomplete']}" for version in server["accepted"]
                  if "incomplete" in version]
    if incomplete:
        raise AssertionError(f"{found['domain']}: not all is known of {incomplete}")
    answers |= {"versions": frozenset(accepted), **_of_versions(accepted)}
    compresses = {"the server compresses inside TLS": yes(True), "there is no compression inside TLS": yes(False)}
    answers["compression"] = compresses.get(seen["tls-compression"])
    return answers


def _of_versions(accepted: Mapping[str, Mapping]) -> Answers:
    answers: Answers = {}
    older = max((version for version in accepted if version != "TLSv1.3"), default="")
    for version, facts in accepted.items():
        answers[f"suites {version}"] = frozenset(facts["suites"])
        answers[f"order {version}"] = frozenset() if facts["order"] == "unknown" else one(facts["order"])
        if version in ("TLSv1.3", older):
            answers[f"groups {version}"] = frozenset(_curves(facts))
        answers[f"dh-bits {version}"] = frozenset(str(group["bits"]) for group in facts["groups"]
                                                  if group["name"].startswith(FINITE_FIELDS))
    answers["suites"] = frozenset(name for facts in accepted.values() for name in facts["suites"])
    answers["groups"] = frozenset(name for facts in accepted.values() for name in _curves(facts))
    answers["orders"] = frozenset(word for version in accepted for word in answers[f"order {version}"] or ())
    return answers


def _curves(facts: Mapping) -> Iterable[str]:
    return (group["name"] for group in facts["groups"] if not group["name"].startswith(FINITE_FIELDS))


def _of_certificate(seen: Mapping[str, str]) -> Answers:
    key = re.match(r"an RSA key of (\d+) bits|an EC key on (\S+?):?(?: |$)", seen["certificate-key"])
    assert key, seen["certificate-key"]
    expired = " ended on " in seen.get("certificate-expiry", "")
    problems = {"expired"} if expired else set()
    if "does not have the name" in seen["certificate-name"]:
        problems.add("name")
    if any("not trusted" in seen.get(code, "") for code in ("certificate-trust", "certificate-chain")):
        problems.add("untrusted")
    return {"key": one(f"RSA {key[1]}" if key[1] else f"EC {key[2]}"), "expired": yes(expired),
            "sha-1": yes(seen["certificate-signature"].endswith("is signed with SHA1")),
            "problems": frozenset(problems)}


def sslscan_argv(servers: Servers, server: Server) -> Argv:
    return ["sslscan", "--starttls-smtp", f"--sni-name={server.host}", "--xml=-", f"{server.address}:{servers.port}"]


def sslscan(servers: Servers, server: Server) -> Answers:
    text = subprocess.run(sslscan_argv(servers, server), capture_output=True, timeout=LONGEST, check=True).stdout
    [scan] = ElementTree.fromstring(text).iter("ssltest")

    def version_of(element: ElementTree.Element) -> str:
        return element.attrib["sslversion"].replace("TLSv1.0", "TLSv1")

    versions = {f"TLSv{one.attrib['version']}".replace("TLSv1.0", "TLSv1") for one in scan.iter("protocol")
                if one.attrib["type"] == "tls" and one.attrib["enabled"] == "1"}
    answers: Answers = {"versions": frozenset(versions)}
    for version in versions:
        suites = [one for one in scan.iter("cipher") if version_of(one) == version]
        answers[f"suites {version}"] = frozenset(iana_names()[one.attrib["cipher"]] for one in suites)
        answers[f"dh-bits {version}"] = frozenset(one.attrib["dhebits"] for one in suites if "dhebits" in one.attrib)
    for version in {"TLSv1.3", max(versions - {"TLSv1.3"}, default="TLSv1.3")} & versions:
        answers[f"groups {version}"] = frozenset(
            _curve(one.attrib["name"].split()[0]) for one in scan.iter("group") if version_of(one) == version)
    compression = scan.find("compression")
    answers["compression"] = None if compression is None else yes(compression.attrib["supported"] == "1")
    certificate = scan.find("certificates/certificate")
    assert certificate is not None
    key = certificate.find("pk")
    assert key is not None
    is_p_256 = key.attrib.get("curve_name") == "prime256v1"
    answers["key"] = one("EC P-256" if is_p_256 else f"{key.attrib['type']} {key.attrib['bits']}")
    answers["sha-1"] = yes("SHA1" in certificate.findtext("signature-algorithm", "").upper())
    answers["expired"] = yes(certificate.findtext("expired") == "true")
    return answers


def _curve(name: str) -> str:
    return CURVES.get(name.lower(), name)


def posttls_finger_argv(servers: Servers, lab: Lab, server: Server) -> Argv:
    """Without the name server: the program by itself, to measure it."""
    return ["env", f"MAIL_CONFIG={servers.mail_config}", "/usr/sbin/posttls-finger", "-c", "-l", "secure", "-F",
            servers.authorities, f"[{server.address}]:{servers.port}", server.host]


def posttls_finger(servers: Servers, lab: Lab, server: Server) -> Answers:
    where = f"[{server.host}]:{servers.port}"
    said = servers.posttls_finger("-c", "-l", "secure", "-F", str(servers.authorities), where)
    answers: Answers = {"problems": None if "SSL_connect error" in said else _finger_problems(said)}
    if servers.has_tlsa(server):
        said = servers.posttls_finger("-c", "-l", "dane", where)
        answers["dane"] = one("matches" if "Verified TLS connection established" in said else "fails")
    return answers


def _finger_problems(said: str) -> Answer:
    if "Verified TLS connection established" in said:
        return frozenset()
    problems = problems_in(" ".join(re.findall(r"certificate verification failed for \S+ (.*)", said)))
    assert problems, said
    return problems


def s_client_argv(servers: Servers, lab: Lab, server: Server) -> Argv:
    return ["openssl", "s_client", "-starttls", "smtp", "-connect", f"{server.address}:{servers.port}", "-servername",
            server.host, "-verify_hostname", server.host, "-CAfile", servers.authorities]


def _s_client(servers: Servers, lab: Lab, server: Server, *options: str) -> str:
    return run(*s_client_argv(servers, lab, server), *options, text_in="QUIT\n")


def s_client(servers: Servers, lab: Lab, server: Server, ours: Answers) -> Answers:
    """Whether a certificate is good; and who chooses the suite, with two of those in `ours` in either order."""
    said = _s_client(servers, lab, server)
    verified = re.search(r"Verify return code: \d+ \((.*)\)", said)
    got_one = "BEGIN CERTIFICATE" in said
    answers: Answers = {"problems": problems_in(verified[1]) if verified and got_one else None}
    for version in ours["versions"] or ():
        suites = sorted(openssl_names()[name] for name in ours[f"suites {version}"] or ())
        answers[f"order {version}"] = _order(servers, lab, server, version, (suites[0], suites[-1]))
    return answers


def _order(servers: Servers, lab: Lab, server: Server, version: str, pair: tuple[str, str]) -> Answer:
    if pair[0] == pair[1]:
        return frozenset()
    chosen = []
    for offered in (pair, pair[::-1]):
        suites = (["-ciphersuites", ":".join(offered)] if version == "TLSv1.3" else
                  ["-cipher", ":".join((*offered, "@SECLEVEL=0"))])
        said = _s_client(servers, lab, server, S_CLIENT_VERSIONS[version], *suites)
        found = re.search(r"Cipher is (\S+)", said)
        assert found and found[1] in pair, said
        chosen.append(found[1])
    return one("server" if chosen[0] == chosen[1] else "client")


def gnutls_cli(servers: Servers, lab: Lab, server: Server) -> Answers:
    said = run("gnutls-cli", "--starttls-proto=smtp", "--x509cafile", servers.authorities, "--sni-hostname",
               server.host, "--verify-hostname", server.host, "--port", str(servers.port), server.address)
    status = re.search(r"- Status: The certificate is (?:trusted|NOT trusted\.(.*))", said)
    assert status, said
    return {"problems": problems_in(status[1] or "")}


def ldns_dane(servers: Servers, lab: Lab, server: Server) -> Answers:
    """Of the chain that s_client gets: ldns-dane itself knows no STARTTLS."""
    if not servers.has_tlsa(server):
        return {}
    said = _s_client(servers, lab, server, "-showcerts")
    folder = lab.new_folder("ldns-dane")
    chain, records = folder / "chain.pem", folder / "tlsa"
    chain.write_text("".join(re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", said, re.DOTALL)))
    records.write_text(servers.tlsa_record(server))
    # -d: the lab's anchor, which signs the zone, is not its own.
    found = run("ldns-dane", "-d", "-c", chain, "-t", records, "verify", server.host, "25")
    assert "dane-validate" in found, found
    return {"dane": one("matches" if "dane-validated successfully" in found else "fails")}


def testssl_argv(servers: Servers, lab: Lab, server: Server, *options: str | Path) -> Argv:
    return ["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--starttls", "smtp",
            "--ip", server.address, "--add-ca", lab.ca.certificate, *options, f"{server.host}:{servers.port}"]


def testssl(servers: Servers, lab: Lab, server: Server, *options: str) -> Answers:
    """testssl.sh with options for single questions."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        run(*testssl_argv(servers, lab, server, "--jsonfile", report, *options))
        return read_testssl(report)


def read_testssl(report: Path) -> Answers:
    found = {entry["id"]: entry["finding"] for entry in json.loads(report.read_text())}
    if "TLS1" not in found:
        return {"versions": None}
    versions = frozenset(version for word, version in TESTSSL_VERSIONS.items() if found[word].startswith("offered"))
    answers: Answers = {"versions": versions, **_testssl_certificate(found)}
    if "cipher_order" in found:
        answers["orders"] = one("server" if found["cipher_order"].startswith("server") else "client")
    if "CRIME_TLS" in found:
        words = {"not vulnerable": yes(False), "TLS 1.3 only": yes(False), "VULNERABLE": yes(True)}
        answers["compression"] = next((answer for begin, answer in words.items()
                                       if found["CRIME_TLS"].startswith(begin)), None)
    # "FS" from version 3.2 on, "PFS" before.
    if curves := found.get("FS_ECDHE_curves") or found.get("PFS_ECDHE_curves"):
        answers["groups"] = frozenset(map(_curve, curves.split()))
    if suites := frozenset(text.split()[-1] for key, text in found.items() if key.startswith("cipher_x")):
        answers["suites"] = suites
    for word, version in TESTSSL_VERSIONS.items():
        prefix = f"cipher-{word.lower()}_x"
        if suites := frozenset(text.split()[-1] for key, text in found.items() if key.startswith(prefix)):
            answers[f"suites {version}"] = suites
    return answers


def _testssl_certificate(found: Mapping[str, str]) -> Answers:
    """Of all its certificates together."""
    def of(key: str) -> list[str]:
        return [text for name, text in found.items() if name.split(" <")[0] == key]

    if not of("cert_trust"):
        return {}
    chain, expiry = " ".join(of("cert_chain_of_trust")), " ".join(of("cert_expirationStatus"))
    problems = {"expired"} if "expired" in expiry else set()
    if not all(text.startswith("Ok") for text in of("cert_trust")):
        problems.add("name")
    if "passed" not in chain and "expired" not in chain:
        problems.add("untrusted")
    # "RSA 2048 bits", from version 3.2 on with the exponent behind it; "EC 256 bits".
    keys = frozenset(" ".join(text.split()[:2]).replace("EC 256", "EC P-256") for text in of("cert_keySize"))
    return {"key": keys, "sha-1": yes(any("SHA1" in text for text in of("cert_signatureAlgorithm"))),
            "problems": frozenset(problems), "expired": yes("expired" in problems)}

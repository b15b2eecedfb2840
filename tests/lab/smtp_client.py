"""SMTP clients, well-behaved and not: one function for each course of a session.

    client = Client(mx.address, mx.port, recipients=("bob@example.test",))
    tls13_mail(client)
    for scenario in SCENARIOS.values(): scenario(client)

Each opens one connection, does what its first line describes, and returns when the server has seen the end of it, as
far as a client can detect that: after QUIT it waits for the server to close. A reply other than the expected one raises
UnexpectedReply. The comments show the milter's callbacks, one letter for each: C connect, H helo, M mail, R rcpt,
E end of message, A abort, Q close; after a + the macros about TLS are available to the milter.
"""

import contextlib
import ssl
from collections.abc import Callable

from .ca import Certificate
from .smtp_dialogue import TLS12, TLS13, Client, Dialogue, UnexpectedReply, ancient, greeted, tls, verifying

# Messages that arrive.

def plaintext_mail(client: Client) -> None:
    """A message without TLS. CHMREQ"""
    with greeted(client) as dialogue:
        dialogue.mail()
        dialogue.quit()


def tls13_mail(client: Client) -> None:
    """A message over TLS 1.3. CHH+MREQ"""
    _tls_mail(client, tls(TLS13))


def tls12_mail(client: Client) -> None:
    """A message over TLS 1.2. CHH+MREQ"""
    _tls_mail(client, tls(TLS12))


def tls13_client_certificate(client: Client) -> None:
    """A message over TLS 1.3 with the client's certificate. CHH+MREQ"""
    _tls_mail(client, tls(TLS13, _certificate_of(client)))


def tls12_client_certificate(client: Client) -> None:
    """A message over TLS 1.2 with the client's certificate. CHH+MREQ"""
    _tls_mail(client, tls(TLS12, _certificate_of(client)))


def two_mails(client: Client) -> None:
    """Two messages in one TLS session. CHH+MREMREQ"""
    with greeted(client) as dialogue:
        dialogue.starttls(tls(TLS13))
        dialogue.ehlo()
        dialogue.mail()
        dialogue.mail()
        dialogue.quit()


def starttls_without_ehlo_before(client: Client) -> None:
    """STARTTLS right after the banner, EHLO only inside TLS. CH+MREQ"""
    with Dialogue(client) as dialogue:
        dialogue.banner()
        dialogue.starttls(tls(TLS13))
        dialogue.ehlo()
        dialogue.mail()
        dialogue.quit()


def mail_without_ehlo_after_starttls(client: Client) -> None:
    """MAIL right after the handshake. CHM+REQ: a milter learns about TLS at MAIL only if it asks for the macros there.
    """
    with greeted(client) as dialogue:
        dialogue.starttls(tls(TLS13))
        dialogue.mail()
        dialogue.quit()


def reset_then_mail(client: Client) -> None:
    """A transaction that ends with RSET, then a message, without TLS. CHMRAMREQ"""
    with greeted(client) as dialogue:
        dialogue.envelope()
        dialogue.command("RSET", 250)
        dialogue.mail()
        dialogue.quit()


def implicit_tls_mail(client: Client) -> None:
    """A message on a port with implicit TLS. C+HMREQ (Postfix), CH+MREQ (Sendmail)"""
    with Dialogue(client) as dialogue:
        dialogue.handshake(tls(TLS13))
        dialogue.banner()
        dialogue.ehlo()
        dialogue.mail()
        dialogue.quit()


# Handshakes that fail. All of them are CHQ.

def old_version(client: Client) -> None:
    """The client supports only TLS 1.1, which the server rejects."""
    with greeted(client) as dialogue:
        _refused(lambda: dialogue.starttls(ancient(ssl.TLSVersion.TLSv1_1)))


def no_shared_cipher(client: Client) -> None:
    """The client offers only ciphers for RSA certificates; the server has no such certificate."""
    context = tls(TLS12)
    context.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")
    with greeted(client) as dialogue:
        _refused(lambda: dialogue.starttls(context))


def close_after_server_flight(client: Client) -> None:
    """The client receives the server's half of the handshake, and closes instead of sending its own."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    handshake = tls(TLS12).wrap_bio(incoming, outgoing)
    with greeted(client) as dialogue:
        dialogue.command("STARTTLS", 220)
        with contextlib.suppress(ssl.SSLWantReadError):
            handshake.do_handshake()
        dialogue.socket.sendall(outgoing.read())
        dialogue.socket.recv(4096)


def unknown_ca_tls12(client: Client) -> None:
    """The client does not trust the server's certificate and sends an alert, in TLS 1.2."""
    with greeted(client) as dialogue:
        _refused(lambda: dialogue.starttls(verifying(TLS12)))


def unknown_ca_tls13(client: Client) -> None:
    """The same in TLS 1.3."""
    with greeted(client) as dialogue:
        _refused(lambda: dialogue.starttls(verifying(TLS13)))


def plaintext_instead_of_hello(client: Client) -> None:
    """After STARTTLS the client continues in plaintext."""
    with greeted(client) as dialogue:
        dialogue.command("STARTTLS", 220)
        dialogue.socket.sendall(f"EHLO {client.helo}\r\n".encode())
        dialogue.wait_for_close()


def starttls_then_close(client: Client) -> None:
    """The client sends STARTTLS and closes."""
    with greeted(client) as dialogue:
        dialogue.command("STARTTLS", 220)


def starttls_then_reset(client: Client) -> None:
    """The client sends STARTTLS and resets the connection."""
    with greeted(client) as dialogue:
        dialogue.command("STARTTLS", 220)
        dialogue.reset()


def implicit_tls_refused(client: Client) -> None:
    """A failed handshake on a port with implicit TLS. No callback (Postfix), CQ (Sendmail)"""
    with Dialogue(client) as dialogue:
        _refused(lambda: dialogue.handshake(verifying(TLS13)))


# Handshakes that succeed, without a message after them.

def handshake_then_close(client: Client) -> None:
    """The client closes after the handshake. CHQ"""
    with greeted(client) as dialogue:
        dialogue.starttls(tls(TLS13))


def handshake_then_quit(client: Client) -> None:
    """QUIT after the handshake, as an enforcing Postfix does if it rejects the certificate. CHQ"""
    with greeted(client) as dialogue:
        dialogue.starttls(tls(TLS13))
        dialogue.quit()


def tls_ehlo_quit(client: Client) -> None:
    """TLS, EHLO, QUIT. CHH+Q"""
    with greeted(client) as dialogue:
        dialogue.starttls(tls(TLS13))
        dialogue.ehlo()
        dialogue.quit()


def rejected_recipients(client: Client) -> None:
    """Over TLS: a recipient elsewhere, one that does not exist, a good one, RSET. CHH+MRAQ

    Sendmail relays for localhost, and accepts the first.
    """
    domain = client.recipients[0].partition("@")[2]
    with greeted(client) as dialogue:
        dialogue.starttls(tls(TLS13))
        dialogue.ehlo()
        dialogue.command(f"MAIL FROM:<{client.sender}>", 250)
        for recipient in ("someone@elsewhere.test", f"nosuch@{domain}"):
            with contextlib.suppress(UnexpectedReply):
                dialogue.command(f"RCPT TO:<{recipient}>", 250)
        dialogue.command(f"RCPT TO:<{client.recipients[0]}>", 250)
        dialogue.command("RSET", 250)
        dialogue.quit()


def close_in_transaction(client: Client) -> None:
    """Over TLS: the connection is closed after RCPT. CHH+MRAQ"""
    with greeted(client) as dialogue:
        dialogue.starttls(tls(TLS13))
        dialogue.ehlo()
        dialogue.envelope()


# Sessions without TLS and without a message.

def connect_then_close(client: Client) -> None:
    """The client closes without waiting for the banner. CQ"""
    with Dialogue(client):
        pass


def banner_then_close(client: Client) -> None:
    """The client closes after the banner. CQ"""
    with Dialogue(client) as dialogue:
        dialogue.banner()


def ehlo_quit(client: Client) -> None:
    """EHLO, QUIT. CHQ"""
    with greeted(client) as dialogue:
        dialogue.quit()


def ehlo_then_close(client: Client) -> None:
    """The client closes after EHLO. CHQ"""
    with greeted(client):
        pass


def ehlo_then_reset(client: Client) -> None:
    """The client resets the connection after EHLO. CHQ"""
    with greeted(client) as dialogue:
        dialogue.reset()


def three_helos(client: Client) -> None:
    """EHLO, EHLO, HELO, QUIT: more than one HELO does not prove TLS. CHHHQ"""
    with greeted(client) as dialogue:
        dialogue.ehlo()
        dialogue.command(f"HELO {client.helo}", 250)
        dialogue.quit()


Scenario = Callable[[Client], None]


def _by_name(*scenarios: Scenario) -> dict[str, Scenario]:
    return {scenario.__name__: scenario for scenario in scenarios}


# Scenarios for any server with STARTTLS.
SCENARIOS = _by_name(
    plaintext_mail, tls13_mail, tls12_mail, two_mails, starttls_without_ehlo_before, mail_without_ehlo_after_starttls,
    reset_then_mail, old_version, no_shared_cipher, close_after_server_flight, unknown_ca_tls12, unknown_ca_tls13,
    plaintext_instead_of_hello, starttls_then_close, starttls_then_reset, handshake_then_close, handshake_then_quit,
    tls_ehlo_quit, rejected_recipients, close_in_transaction, connect_then_close, banner_then_close, ehlo_quit,
    ehlo_then_close, ehlo_then_reset, three_helos)

# Scenarios for a client with a certificate.
CERTIFICATE_SCENARIOS = _by_name(tls13_client_certificate, tls12_client_certificate)

# Scenarios for a listener with implicit TLS.
IMPLICIT_TLS_SCENARIOS = _by_name(implicit_tls_mail, implicit_tls_refused)


def _tls_mail(client: Client, context: ssl.SSLContext) -> None:
    with greeted(client) as dialogue:
        dialogue.starttls(context)
        dialogue.ehlo()
        dialogue.mail()
        dialogue.quit()


def _refused(handshake: Callable[[], None]) -> None:
    """Try a handshake that must fail."""
    try:
        handshake()
    except (ssl.SSLError, ConnectionError):
        return
    raise UnexpectedReply("the handshake succeeded, and should have failed")


def _certificate_of(client: Client) -> Certificate:
    if client.certificate is None:
        raise ValueError("this scenario needs a client with a certificate")
    return client.certificate

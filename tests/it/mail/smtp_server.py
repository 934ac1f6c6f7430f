"""A real SMTP server (aiosmtpd) for the mail tests.

It listens on a free port of the loopback address and writes one JSON line to standard output when it is ready, and one
for every message that it takes, as Python's own mail parser reads it. What it does with a message is asked for by the
local part of the recipient's address, before any "+": refused@, busy@, full@ and so on, see `Handler` and `Server`.
It ends when its standard input does, so that it never outlives the test.
"""

import argparse
import asyncio
import email
import email.policy
import json
import logging
import os
import ssl
import sys
import threading
import warnings

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


# The server's opinions on logins in the clear, and on its own interface, are not the tests' business.
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")


def tell(**line):
    print(json.dumps(line), flush=True)


def wish(address):
    """What the address asks for: `busy` for busy+1@example.com."""
    return address.split("@")[0].split("+")[0]


def record(server, session, envelope):
    parsed = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
    text, html = parsed.get_body(("plain",)), parsed.get_body(("html",))
    tell(
        sender=envelope.mail_from,
        recipients=envelope.rcpt_tos,
        connection=f"{session.peer[0]}:{session.peer[1]}",
        encrypted=server.transport.get_extra_info("sslcontext") is not None,
        login=session.auth_data.login.decode() if session.auth_data else None,
        headers={name: str(value) for name, value in parsed.items()},
        text=text.get_content().replace("\r\n", "\n"),
        html=html.get_content().replace("\r\n", "\n"),
        defects=[type(defect).__name__ for part in parsed.walk() for defect in part.defects],
        raw=envelope.original_content.hex(),
    )


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        answers = {
            "refused": f"550 5.1.1 <{address}>: no such user",
            "relay": f"554 5.7.1 <{address}>: relaying denied",
            "busy": f"451 4.2.1 <{address}>: try again later",
            "closing": "421 4.3.2 shutting down",
        }
        if wish(address) in answers:
            return answers[wish(address)]
        if wish(address) == "hang-up":
            server.transport.abort()
            return "250 never heard"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        what = wish(envelope.rcpt_tos[0])
        if what == "full":
            return f"552 5.2.2 <{envelope.rcpt_tos[0]}>: mailbox full"
        if what == "later":
            return "452 4.3.1 no space"
        if what == "silent":
            await asyncio.sleep(3600)
        record(server, session, envelope)
        if what == "die-after":
            os._exit(1)
        if what == "no-answer":
            server.transport.abort()
        if what == "bye":
            asyncio.get_running_loop().call_later(0.05, server.transport.abort)
        return "250 2.0.0 taken"


class Server(SMTP):
    async def smtp_DATA(self, arg):
        if self.envelope.rcpt_tos and wish(self.envelope.rcpt_tos[0]) == "die-during":
            await self.push("354 go on")
            await self._reader.readuntil(b"\r\n")
            os._exit(1)
        await super().smtp_DATA(arg)


def authenticator(user, password):
    def check(server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (user.encode(), password.encode())
        if good:
            return AuthResult(success=True, auth_data=data)
        return AuthResult(success=False, handled=False, message=f"535 5.7.8 wrong password for {user}")

    return check


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", choices=["none", "starttls", "smtps"], default="none")
    parser.add_argument("--ca", help="where to write the certificate of the authority that vouches for this server")
    parser.add_argument("--login", nargs=2, metavar=("USER", "PASSWORD"))
    parser.add_argument("--ascii-only", action="store_true")
    args = parser.parse_args()

    context = None
    if args.tls != "none":
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        authority.cert_pem.write_to_path(args.ca)
    options = dict(
        hostname="mail.test",
        enable_SMTPUTF8=not args.ascii_only,
        tls_context=context if args.tls == "starttls" else None,
        # Without a user to know, the server is one that offers no login.
        auth_require_tls=not args.login,
    )
    if args.login:
        options.update(authenticator=authenticator(*args.login), auth_required=True)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Server(Handler(), **options), "127.0.0.1", 0, ssl=context if args.tls == "smtps" else None
    )
    tell(port=server.sockets[0].getsockname()[1])

    def leave_with_the_test():
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=leave_with_the_test, daemon=True).start()
    await asyncio.Event().wait()


asyncio.run(main())

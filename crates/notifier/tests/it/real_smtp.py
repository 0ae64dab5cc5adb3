"""A real SMTP server (aiosmtpd) for the tests of the notifier.

Arguments: the encryption (`starttls` or `tls`), the file with the certificate and the file with its key. It accepts the user `box`
with the password `office`, on an encrypted connection only. It prints its port, and then each mail as a line of JSON.
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

security, certificate, key = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)


class Printer:
    async def handle_DATA(self, server, session, envelope):
        mail = {
            "recipients": envelope.rcpt_tos,
            "content": envelope.content.decode("utf-8"),
            "encrypted": session.ssl is not None or security == "tls",
            "authenticated": session.authenticated,
        }
        print(json.dumps(mail), flush=True)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"box", b"office")
    return AuthResult(success=is_right)


def connection():
    starttls = {"tls_context": context, "require_starttls": True} if security == "starttls" else {}
    return SMTP(Printer(), hostname="localhost", authenticator=authenticate, auth_required=True, auth_require_tls=security == "starttls", **starttls)


async def serve():
    encryption = context if security == "tls" else None
    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0, ssl=encryption)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(serve())

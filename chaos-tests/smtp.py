"""A mail server on loopback that prints what it takes: one line of JSON a mail."""

import asyncio
import email
import json
import sys

from aiosmtpd.smtp import SMTP


class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content)
        names = ["Message-ID", "Subject", "X-PgAnalytics-Repeat"]
        print(json.dumps({name: mail[name] for name in names}), flush=True)
        return "250 taken"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), hostname="mail.test"), "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


asyncio.run(main())

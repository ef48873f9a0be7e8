"""A mail server for tests. It says the port that it listens on, and ends with its standard input.

Whether it takes a mail goes by the address: to `later@…` it says 451 once, to `never@…` 550, and its answers
name somebody, as those of real servers do. Mails that it takes go to the folder that it is given.
"""

import asyncio
import pathlib
import sys

from aiosmtpd.smtp import SMTP


class Handler:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.refused = set()
        self.taken = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("never@"):
            return "550 5.1.1 canary@third.example is not known"
        if address.startswith("later@") and address not in self.refused:
            self.refused.add(address)
            return "451 4.3.0 canary@third.example, come back"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.taken += 1
        told = f"X-Envelope: {envelope.mail_from} {' '.join(envelope.rcpt_tos)}\r\n".encode()
        (self.folder / f"{self.taken}.eml").write_bytes(told + envelope.content)
        return "250 OK"


async def main():
    loop = asyncio.get_running_loop()
    handler = Handler(sys.argv[1])
    server = await loop.create_server(lambda: SMTP(handler), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())

"""A mail server for tests: says the port that it listens on, and a line for each command that matters.

Whether it takes a mail goes by the address: to `later@…` it says 451 once, to `never@…` 550 always, and its
answers name somebody, as those of real servers do. Mails that it takes go to the folder that it is given.
It ends with its standard input.
"""

import pathlib
import sys

from aiosmtpd.controller import Controller


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
        name = self.folder / f"{self.taken}.eml"
        lines = [f"X-Envelope: {envelope.mail_from} {' '.join(envelope.rcpt_tos)}".encode(), envelope.content]
        name.write_bytes(b"\r\n".join(lines))
        return "250 OK"


controller = Controller(Handler(sys.argv[1]), hostname="127.0.0.1", port=0)
# With port 0 the controller would try to reach itself there.
controller._trigger_server = lambda: None
controller.start()
print(controller.server.sockets[0].getsockname()[1], flush=True)
sys.stdin.read()
controller.stop()

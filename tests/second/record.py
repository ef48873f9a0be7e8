"""The sealed record of Oneself, layout 1, a second time.

Shares nothing with the server but the description of the layout (src/vault/record.rs):
standard library and the package `cryptography`. Reads one JSON document from
standard input, opens every record in it, seals every plain text anew, and writes one
JSON document to standard output. What does not open ends the program.
"""

import base64
import hashlib
import hmac
import json
import os
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LAYOUT, AES_256_GCM, BLOCK = 1, 1, 64
ROOT_FORM = b"oneself-root-key-v1"


class Refused(Exception):
    """Something did not open."""


def number(value):
    return b"" if value is None else struct.pack(">q", value)


def associated_data(key_id, *, tenant=None, owner=b"", connection=None, issuer="", subject="", field, version=0):
    parts = [
        bytes([LAYOUT]),
        bytes([AES_256_GCM]),
        number(tenant),
        owner,
        number(connection),
        issuer.encode(),
        subject.encode(),
        field.encode(),
        key_id,
        number(version),
    ]
    return b"".join(struct.pack(">H", len(part)) + part for part in parts)


def derive(key, salt, info):
    both = HKDF(algorithm=hashes.SHA256(), length=64, salt=salt, info=info).derive(key)
    return both[:32], both[32:]


def seal(key, plain, padded, **place):
    key_id, key_bytes = key
    salt, nonce = os.urandom(32), os.urandom(12)
    info = associated_data(key_id, **place)
    cipher_key, commitment = derive(key_bytes, salt, info)
    if padded:
        plain += b"\x80"
        plain += bytes(-len(plain) % BLOCK)
    head = bytes([LAYOUT, AES_256_GCM]) + key_id + salt + commitment + nonce
    return head + AESGCM(cipher_key).encrypt(nonce, plain, info)


def open_(key, sealed, padded, **place):
    key_id, key_bytes = key
    if len(sealed) < 86 + 16 or sealed[0] != LAYOUT or sealed[1] != AES_256_GCM or sealed[2:10] != key_id:
        raise Refused("header")
    salt, commitment, nonce, body = sealed[10:42], sealed[42:74], sealed[74:86], sealed[86:]
    info = associated_data(key_id, **place)
    cipher_key, expected = derive(key_bytes, salt, info)
    if not hmac.compare_digest(commitment, expected):
        raise Refused("commitment")
    try:
        plain = AESGCM(cipher_key).decrypt(nonce, body, info)
    except InvalidTag:
        raise Refused("tag") from None
    if padded:
        text, mark, zeros = plain.rpartition(b"\x80")
        if len(plain) % BLOCK or not mark or any(zeros) or len(zeros) >= BLOCK:
            raise Refused("padding")
        return text
    return plain


def read_root(text):
    form, encoded, checksum = text.rstrip("\n").split(" ")
    stated = f"{form} {encoded}".encode()
    if form.encode() != ROOT_FORM or hashlib.sha256(stated).hexdigest()[:8] != checksum:
        raise Refused("root key file")
    return base64.urlsafe_b64decode(encoded + "=")


def from_root(root, purpose):
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=ROOT_FORM, info=purpose).derive(root)


def wrap(above, key, **place):
    return seal(above, key[0] + key[1], False, **place)


def unwrap(above, wrapped, **place):
    plain = open_(above, wrapped, False, **place)
    if len(plain) != 40:
        raise Refused("length of a key")
    return plain[:8], plain[8:]


def new_key():
    return os.urandom(8), os.urandom(32)


def main():
    document = json.load(sys.stdin)
    unhex = bytes.fromhex
    root_bytes = read_root(document["root_file"])
    root = (from_root(root_bytes, b"key id")[:8], root_bytes)
    tenant, user = document["tenant"], unhex(document["user"])

    tenant_key = unwrap(root, unhex(document["tenant_key"]), tenant=tenant, field="tenant_key")
    key = unwrap(tenant_key, unhex(document["user_key"]), tenant=tenant, owner=user, field="user_key")
    unwrap(tenant_key, unhex(document["service_key"]), tenant=tenant, owner=b"service", field="service_key")

    opened, refused, sealed = 0, 0, []
    for record in document["records"]:
        names = ("connection", "issuer", "subject", "field", "version")
        place = {"tenant": tenant, "owner": user} | {name: record[name] for name in names}
        plain, theirs = unhex(record["plain"]), unhex(record["sealed"])
        if open_(key, theirs, True, **place) != plain:
            raise Refused("another plain text")
        opened += 1
        flipped = bytearray(theirs)
        flipped[opened % len(flipped)] ^= 1 << opened % 8
        try:
            open_(key, bytes(flipped), True, **place)
        except Refused:
            refused += 1
        sealed.append(seal(key, plain, True, **place).hex())

    new_tenant_key, new_service_key = new_key(), new_key()
    place = {"connection": 7, "issuer": "https://issuer.example/", "subject": "subject", "version": 1}
    service = {"tenant": 99, "owner": b"service"}
    json.dump(
        {
            "check_value": from_root(root_bytes, b"check value").hex(),
            "opened": opened,
            "refused": refused,
            "sealed": sealed,
            "new_tenant_key": wrap(root, new_tenant_key, tenant=99, field="tenant_key").hex(),
            "new_service_key": wrap(new_tenant_key, new_service_key, **service, field="service_key").hex(),
            "under_new_key": seal(
                new_service_key, b"under a key that Python made", True, **service, **place, field="token_set"
            ).hex(),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()

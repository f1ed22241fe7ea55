"""The member code read by another hand: Base45, CBOR, COSE and TOTP of libraries (or a few lines here) that share nothing with the core."""

import base64
import hashlib
import hmac
import shutil
import struct
import subprocess
import time
import zlib

import cbor2
import noren
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from noren import Symbology

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
COSE_SIGN1, ALG, ES256, KID, KCWT = 18, 1, -7, 4, 13
SUB, EXP, CNF, COSE_KEY, KTY, CRV, X, Y = 2, 4, 8, 1, 1, -1, -2, -3


def base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def base45(text):
    """RFC 9285, section 4."""
    digits = ["0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:".index(c) for c in text]
    out = bytearray()
    for at in range(0, len(digits), 3):
        chunk = digits[at : at + 3]
        value = sum(digit * 45**place for place, digit in enumerate(chunk))
        out += value.to_bytes(2 if len(chunk) == 3 else 1, "big")
    return bytes(out)


def point(key):
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)


def open_sign1(tagged, aad, key=None):
    """Protected header and payload of a COSE_Sign1 (RFC 9052, section 4), whose signature is `key`'s over `aad`; `key` may depend on the header."""
    assert tagged.tag == COSE_SIGN1
    protected, unprotected, payload, signature = tagged.value
    assert unprotected == {} and len(signature) == 64
    header = cbor2.loads(protected)
    assert header[ALG] == ES256
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    assert 0 < r < ORDER and 0 < s <= ORDER // 2, "one code, one text: s is low"
    to_be_signed = cbor2.dumps(["Signature1", protected, aad, payload])
    (key(header, payload) if callable(key) else key).verify(encode_dss_signature(r, s), to_be_signed, ec.ECDSA(hashes.SHA256()))
    return header, payload


def deterministic(data):
    """Decodes CBOR that must be in the one form of RFC 8949, section 4.2.1."""
    value = cbor2.loads(data)
    assert cbor2.dumps(value, canonical=False) == data, "shortest lengths, nothing after the end"
    return value


def issuer_keys(document):
    """The issuers of the till's document, by their kid, once the pinned root is seen to have signed it."""
    root = point(base64url(document["root_key"]))
    _, payload = open_sign1(deterministic(base64url(document["document"])), b"noren/lists/1", root)
    lists = deterministic(payload)
    assert lists[1] == 1 and lists[6] == [], "a first version, and nobody revoked"
    now = time.time()
    assert lists[3] <= now + 1 and lists[4] > now
    return {hashlib.sha256(key).digest()[:4]: point(key) for key, not_before, not_after in lists[5] if not_before <= now < not_after}


async def test_both_signatures_hold_and_say_what_the_card_says(backend, phone):
    app = await phone.open()
    member = await app.enrol()
    card = await app.card()
    issuers = issuer_keys(backend.keys())
    assert card.text.startswith("NRN1:") and len(card.text) <= 515
    code = deterministic(base45(card.text.removeprefix("NRN1:")))

    # The credential in the protected header, by the issuer whose kid it names.
    credential = cbor2.loads(code.value[0])[KCWT]
    issued, claims = open_sign1(credential, b"noren/credential/1", lambda header, _: issuers[header[KID]])
    assert set(issued) == {ALG, KID}
    claims = deterministic(claims)
    assert claims[SUB] == member.member_id
    assert claims[EXP] * 1000 == member.credential_expires_at_ms
    confirmed = claims[CNF][COSE_KEY]
    assert (confirmed[KTY], confirmed[CRV]) == (2, 1)
    device = bytes([3 if confirmed[Y] else 2]) + confirmed[X]
    assert point(device) == point(phone.key.public_key()), "the credential names this phone's key"
    assert "17850" not in card.text

    # The code itself, by the device.
    header, payload = open_sign1(code, b"noren/code/1", point(device))
    assert set(header) == {ALG, KCWT}
    assert deterministic(payload) == {1: 1, 2: card.step}
    assert card.valid_until_ms == (card.step + 1) * 20_000

    # None verifies as another.
    for aad in (b"noren/credential/1", b"noren/enrol/1", b""):
        with pytest.raises(InvalidSignature):
            open_sign1(code, aad, point(device))


async def test_codes_of_one_step_are_one_text_and_signatures_of_hardware_are_made_low(backend, phone):
    app = await phone.open()
    await app.enrol()
    high = 0
    for _ in range(40):
        _, s = decode_dss_signature(phone.key.sign(b"probe"))
        high += s > ORDER // 2
    assert high, "this key gives either s, as hardware does"
    seen = {}
    for _ in range(5):
        card = await app.card()
        assert seen.setdefault(card.step, card.text) == card.text, "asking again gives the same text: nothing is signed twice"
        await app.prepare_next_card()


async def test_the_one_time_digits_are_rfc_6238(backend, phone):
    app = await phone.open()
    member = await app.enrol()
    token = device_token(backend, phone, member.device_id)
    codes = backend.call("POST", "/v1/credentials", {}, token)["one_dimensional"]
    secret = base64url(codes["totp_secret"])

    def totp(moment):
        mac = hmac.new(secret, struct.pack(">Q", moment // 30), hashlib.sha1).digest()
        at = mac[-1] & 15
        return f"{(int.from_bytes(mac[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"

    card = await app.card(Symbology.CODE128)
    at = card.valid_until_ms // 1000 - 1
    assert card.text == codes["alias"] + totp(at)
    assert (await app.card(Symbology.EAN13)).text == codes["ean13"]
    digits = [int(c) for c in codes["ean13"]]
    assert sum(d * (3 if place % 2 else 1) for place, d in enumerate(digits)) % 10 == 0


def device_token(backend, phone, device_id):
    """An app token, got as PROTOCOL says: the device's key signs the server's nonce. Built here without the core."""
    nonce = backend.call("GET", "/v1/nonce")["nonce"]
    public = point(phone.key.public_key())
    numbers = public.public_numbers()
    compressed = bytes([2 + numbers.y % 2]) + numbers.x.to_bytes(32, "big")
    protected = cbor2.dumps({ALG: ES256})
    payload = cbor2.dumps([compressed, base64url(nonce)])
    r, s = decode_dss_signature(phone.key.sign(cbor2.dumps(["Signature1", protected, b"noren/token/1", payload])))
    s = min(s, ORDER - s)
    proof = cbor2.dumps(cbor2.CBORTag(COSE_SIGN1, [protected, {}, payload, r.to_bytes(32, "big") + s.to_bytes(32, "big")]))
    text = base64.urlsafe_b64encode(proof).decode().rstrip("=")
    return backend.call("POST", "/v1/tokens", {"device_id": device_id, "nonce": nonce, "proof": text})["token"]


def png(matrix, scale):
    """A picture of the modules, drawn here: black on white, with the quiet zone."""
    def dark(x, y):
        at = y * matrix.width + x
        return 0 <= x < matrix.width and 0 <= y < matrix.height and bool(matrix.bits[at // 8] & (0x80 >> at % 8))

    quiet, tall = matrix.quiet_zone, 1 if matrix.height > 1 else 60
    wide = matrix.width + 2 * quiet
    rows = []
    for y in range(-quiet if tall == 1 else 0, matrix.height + (quiet if tall == 1 else 0)):
        row = b"\0" + b"".join((b"\x00" if dark(x - quiet, y) else b"\xff") * scale for x in range(wide))
        rows += [row] * scale * tall
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))  # noqa: E731
    head = struct.pack(">IIBBBBB", wide * scale, len(rows), 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")


@pytest.mark.skipif(shutil.which("zbarimg") is None, reason="no zbarimg")
async def test_a_reader_reads_what_a_shell_draws_from_the_matrix(backend, phone, tmp_path):
    app = await phone.open()
    await app.enrol()
    for symbology in (Symbology.QR, Symbology.CODE128, Symbology.EAN13, Symbology.NW7):
        card = await app.card(symbology)
        for name, picture in {"own": png(card.matrix, 4), "core": noren.card_png(card, 4)}.items():
            file = tmp_path / f"{symbology.name}-{name}.png"
            file.write_bytes(picture)
            read = subprocess.run(["zbarimg", "-q", "--raw", str(file)], capture_output=True, text=True).stdout.removesuffix("\n")
            assert read == card.text, (symbology, name)


def test_base45_is_that_of_the_rfc():
    assert base45("BB8") == b"AB" and base45("%69 VD92EX0") == b"Hello!!" and base45("QED8WEX0") == b"ietf!"

"""A member with a phone, as far as a store hears of one: a key, a token, and holds."""

import base64

import cbor2
from backend import Backend
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PROTECTED = cbor2.dumps({1: -7})


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def data(encoded: str) -> bytes:
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


class Member:
    def __init__(self, backend: Backend) -> None:
        self.backend, self.key = backend, ec.generate_private_key(ec.SECP256R1())
        self.public = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        nonce = self._nonce()
        proof = self._proof("enrol", nonce)
        backend.call("POST", "/v1/enrolments", {"public_key": text(self.public), "nonce": nonce, "proof": proof})
        digest = hashes.Hash(hashes.SHA256())
        digest.update(self.public)
        device = base64.b32encode(digest.finalize()[:10]).decode().lower()
        nonce = self._nonce()
        proof = self._proof("token", nonce)
        self.token = backend.call("POST", "/v1/tokens", {"device_id": device, "nonce": nonce, "proof": proof})["token"]

    def _nonce(self) -> str:
        return self.backend.call("GET", "/v1/nonce")["nonce"]

    def _proof(self, kind: str, nonce: str) -> str:
        """COSE_Sign1 (RFC 9052), ES256 with low s, over the key and the nonce."""
        payload = cbor2.dumps([self.public, data(nonce)])
        message = cbor2.dumps(["Signature1", PROTECTED, f"noren/{kind}/1".encode(), payload])
        r, s = decode_dss_signature(self.key.sign(message, ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")
        return text(cbor2.dumps(cbor2.CBORTag(18, [PROTECTED, {}, payload, signature])))

    def hold(self, store: str, sku: str, eta_min: int, quantity: int = 1) -> dict:
        wish = {"store": store, "sku": sku, "quantity": quantity, "eta_min": eta_min}
        answer = self.backend.call("POST", "/v1/holds", wish, self.token)
        assert answer["hold"], answer
        return answer["hold"]

    def holds(self) -> list[dict]:
        return self.backend.call("GET", "/v1/holds", token=self.token)["holds"]

    def release(self, hold: dict) -> dict:
        return self.backend.call("POST", "/v1/holds/releases", {"hold": hold["id"]}, self.token)

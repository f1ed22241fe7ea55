"""What a phone's platform gives to the core, written again in Python: an independent reading of the contract, for tests only."""

import os
from pathlib import Path

import noren
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from noren import PlatformError


class FileSecureStore(noren.SecureStore):
    """Small secrets as files. ``locked`` is a phone that was restarted and not unlocked yet."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.locked, self.asked = directory, False, []

    def _path(self, name: str) -> Path:
        self.asked.append(name)
        if self.locked:
            raise PlatformError.Locked()
        return self.directory / name.replace("/", "_")

    def load(self, name: str) -> bytes:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            raise PlatformError.NotFound() from None

    def save(self, name: str, value: bytes) -> None:
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(path.name + ".new")
        new.write_bytes(value)
        os.replace(new, path)

    def delete(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)


class SoftwareDeviceKey(noren.DeviceKey):
    """A P-256 key in a file. Signatures are randomised and of either s, as hardware makes them."""

    def __init__(self, path: Path) -> None:
        self.path, self.locked, self.signed = path, False, 0

    def _key(self) -> ec.EllipticCurvePrivateKey:
        if self.locked:
            raise PlatformError.Locked()
        try:
            return serialization.load_der_private_key(self.path.read_bytes(), None)
        except FileNotFoundError:
            raise PlatformError.NotFound() from None

    def create(self) -> bytes:
        if self.locked:
            raise PlatformError.Locked()
        key = ec.generate_private_key(ec.SECP256R1())
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
        return self.public_key()

    def public_key(self) -> bytes:
        return self._key().public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def sign(self, message: bytes) -> bytes:
        self.signed += 1
        return self._key().sign(message, ec.ECDSA(hashes.SHA256()))

    def delete(self) -> None:
        if self.locked:
            raise PlatformError.Locked()
        self.path.unlink(missing_ok=True)


class Phone:
    """A phone: the directory that the core gets, and beside it what the platform keeps."""

    def __init__(self, home: Path, backend_url: str) -> None:
        self.home, self.backend_url = home, backend_url
        self.directory = home / "files"
        self.store = FileSecureStore(home / "safe")
        self.key = SoftwareDeviceKey(home / "device.key")
        self.app: noren.NorenApp | None = None

    async def open(self) -> noren.NorenApp:
        """Opens the app, or closes it and opens it again, as a restart of the process does."""
        self.close()
        self.app = await noren.NorenApp.open(str(self.directory), self.backend_url, self.store, self.key)
        return self.app

    def close(self) -> None:
        if self.app is not None:
            self.app.close()
        self.app = None

    def files(self) -> dict[str, bytes]:
        """Every file of the core with its content."""
        return {str(p.relative_to(self.directory)): p.read_bytes() for p in sorted(self.directory.rglob("*")) if p.is_file()}

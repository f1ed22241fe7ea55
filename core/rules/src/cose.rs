//! COSE_Sign1 (RFC 9052) as this product uses it: tagged, ES256, empty unprotected header, deterministic CBOR, and an external_aad for each
//! kind of signed thing, so that none verifies as another.

use coset::cbor::Value;
use coset::{CborSerializable, CoseSign1, CoseSign1Builder, Header, HeaderBuilder, TaggedCborSerializable, iana};

use crate::keys::PublicKey;

/// The kinds of signed things. Later rooms add theirs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Code,
    Credential,
    Enrol,
    Token,
    Erase,
    Lists,
    Offer,
    Condition,
    Share,
    CheckIn,
    Place,
    Seat,
}

impl Kind {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 12] = [
        Self::Code,
        Self::Credential,
        Self::Enrol,
        Self::Token,
        Self::Erase,
        Self::Lists,
        Self::Offer,
        Self::Condition,
        Self::Share,
        Self::CheckIn,
        Self::Place,
        Self::Seat,
    ];

    pub(crate) fn aad(self) -> &'static [u8] {
        match self {
            Self::Code => b"noren/code/1",
            Self::Credential => b"noren/credential/1",
            Self::Enrol => b"noren/enrol/1",
            Self::Token => b"noren/token/1",
            Self::Erase => b"noren/erase/1",
            Self::Lists => b"noren/lists/1",
            Self::Offer => b"noren/offer/1",
            Self::Condition => b"noren/condition/1",
            Self::Share => b"noren/share/1",
            Self::CheckIn => b"noren/check-in/1",
            Self::Place => b"noren/place/1",
            Self::Seat => b"noren/seat/1",
        }
    }
}

/// The protected header that everything here has, with a `kid` where there is one.
pub(crate) fn es256(kid: Option<[u8; 4]>) -> Header {
    let header = HeaderBuilder::new().algorithm(iana::Algorithm::ES256);
    match kid {
        Some(kid) => header.key_id(kid.to_vec()).build(),
        None => header.build(),
    }
}

/// Signs `payload`; `sign` gets the bytes of the Sig_structure and answers 64 bytes with low s.
pub(crate) fn sign<E>(
    kind: Kind,
    protected: Header,
    payload: Vec<u8>,
    sign: impl FnOnce(&[u8]) -> Result<[u8; 64], E>,
) -> Result<Vec<u8>, E> {
    let sign1 = CoseSign1Builder::new()
        .protected(protected)
        .payload(payload)
        .try_create_signature(kind.aad(), |message| sign(message).map(|signature| signature.to_vec()))?
        .build();
    // Encoding into memory fails for duplicate header labels only, and these headers are written above.
    Ok(sign1.to_tagged_vec().unwrap_or_default())
}

/// Reads a tagged COSE_Sign1 in its one accepted form: whatever would encode to other bytes is refused.
pub(crate) fn read(bytes: &[u8]) -> Option<CoseSign1> {
    let sign1 = CoseSign1::from_tagged_slice(bytes).ok()?;
    let mut again = sign1.clone();
    again.protected.original_data = None;
    let same = again.to_tagged_vec().is_ok_and(|encoded| encoded == bytes);
    (same && sign1.unprotected.is_empty() && sign1.payload.is_some()).then_some(sign1)
}

/// True when `key` signed this as a thing of this kind.
pub(crate) fn verify(sign1: &CoseSign1, kind: Kind, key: &PublicKey) -> bool {
    let Ok(signature) = <&[u8; 64]>::try_from(sign1.signature.as_slice()) else {
        return false;
    };
    key.verify(&sign1.tbs_data(kind.aad()), signature)
}

/// True when the protected header is exactly `expected`.
pub(crate) fn has_header(sign1: &CoseSign1, expected: &Header) -> bool {
    sign1.protected.header == *expected
}

/// Deterministic CBOR (RFC 8949, 4.2.1) of a value whose maps are written in order.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    // Encoding a value into memory cannot fail.
    value.clone().to_vec().unwrap_or_default()
}

/// A CBOR value that has no other bytes than these.
pub(crate) fn decode(bytes: &[u8]) -> Option<Value> {
    let value = Value::from_slice(bytes).ok()?;
    (encode(&value) == bytes).then_some(value)
}

/// A map with small integer keys, which must come in ascending order and once.
pub(crate) fn entries(value: Value) -> Option<Vec<(i64, Value)>> {
    let entries: Vec<(i64, Value)> =
        value.into_map().ok()?.into_iter().map(|(key, value)| Some((integer(&key)?, value))).collect::<Option<_>>()?;
    entries.is_sorted_by(|a, b| a.0 < b.0).then_some(entries)
}

/// An integer that fits.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    value.as_integer().and_then(|number| i64::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SoftwareKey;

    fn signed(kind: Kind) -> (SoftwareKey, Vec<u8>) {
        let key = SoftwareKey::from_bytes(&[3; 32]).unwrap();
        let bytes = sign(kind, es256(None), b"payload".to_vec(), |m| Ok::<_, ()>(key.sign(m))).unwrap();
        (key, bytes)
    }

    #[test]
    fn no_kind_verifies_as_another() {
        for made in Kind::ALL {
            let (key, bytes) = signed(made);
            let sign1 = read(&bytes).unwrap();
            for asked in Kind::ALL {
                assert_eq!(verify(&sign1, asked, &key.public_key()), made == asked, "{made:?} as {asked:?}");
            }
        }
    }

    #[test]
    fn other_encodings_of_the_same_are_refused() {
        let (_, bytes) = signed(Kind::Code);
        assert!(read(&bytes).is_some());
        // d2 84 43 a10126 a0 47 payload…: tag, array, protected, unprotected, payload, signature.
        assert_eq!(&bytes[..7], &[0xd2, 0x84, 0x43, 0xa1, 0x01, 0x26, 0xa0]);
        let mut untagged = bytes.clone();
        untagged.remove(0);
        let mut long_tag = vec![0xd8, 18];
        long_tag.extend(&bytes[1..]);
        let mut unprotected = bytes.clone();
        unprotected.splice(6..7, [0xa1, 0x04, 0x41, 0x00]);
        let mut long_length = bytes.clone();
        long_length.splice(2..3, [0x58, 0x03]);
        let mut indefinite = bytes.clone();
        indefinite[1] = 0x9f;
        indefinite.push(0xff);
        let mut trailing = bytes.clone();
        trailing.push(0);
        for (name, other) in [
            ("untagged", untagged),
            ("long tag", long_tag),
            ("unprotected", unprotected),
            ("long length", long_length),
            ("indefinite", indefinite),
            ("trailing", trailing),
        ] {
            assert!(read(&other).is_none(), "{name}");
        }
    }
}

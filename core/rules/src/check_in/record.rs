//! The record of a check-in: what the device claims, signed with its key and chained to the record before. No coordinate is in it.
//!
//! A COSE_Sign1 with `noren/check-in/1` as external_aad. The payload is a CBOR map with small integer labels; each sample is four bytes: its age in
//! seconds (two bytes, big-endian, the longest age being 18 hours), then distance, side and accuracy (two bits each) and `stays` in the lowest bit of
//! what is left, then the speed.

use coset::cbor::Value;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::decision::Evidence;
use super::features::{AccuracyClass, DistanceBand, Sample, Side, SpeedClass};
use crate::cose::{self, Kind, es256};
use crate::fields::{Reader, Writer, number};
use crate::ids::{CheckInId, PlaceId};
use crate::keys::PublicKey;
use crate::places::Direction;
use crate::routes::GatePass;
use crate::wire::PlaceKind;

const VERSION: i64 = 1;
/// The most that a record may hold of each list: more is somebody else's work.
const MAX_SAMPLES: usize = 1_000;
const MAX_UNLOCKED: usize = 100;
const MAX_PASSES: usize = 100;
const MAX_TEXT: usize = 1_000;

/// A check-in, as the device made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckInRecord {
    /// A UUID: the correlation id of everything that follows.
    pub id: CheckInId,
    /// Counts this device's records from 1.
    pub sequence: u64,
    /// [`CheckInRecord::digest`] of the record before; `None` for the first and after a key was lost.
    pub previous: Option<[u8; 32]>,
    /// Where.
    pub place: PlaceId,
    /// When, by the server's time as far as the device knows it, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// False after a reboot without contact: the time is then the device's word only.
    pub time_proven: bool,
    /// A clock that counts from the boot and through sleep, in milliseconds.
    pub boot_ms: i64,
    /// What it rests on.
    pub method: CheckInMethod,
    /// Serials of grants that it unlocked on the device.
    pub unlocked: Vec<u64>,
}

/// What a check-in rests on. The later ones prove less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckInMethod {
    /// Features of fixes at the place.
    Location(Evidence),
    /// Gates that were passed, in order.
    Route {
        /// Oldest first.
        passes: Vec<GatePass>,
    },
    /// The place's signed code ([`crate::place_code`]).
    PlaceCode {
        /// The text as scanned.
        text: String,
    },
    /// The code on a receipt of a store at the place: only the backend can say whether it is one.
    ReceiptCode {
        /// The code as typed or scanned.
        code: String,
    },
}

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not in the one accepted form, or of a newer version.
    #[error("this is no record of a check-in that this version reads")]
    Malformed,
    /// Not signed by this device.
    #[error("the device did not sign this record")]
    NotThisDevice,
}

impl CheckInRecord {
    /// Signs the record; `sign` gets the bytes to sign and answers 64 bytes with low s.
    ///
    /// # Errors
    /// Whatever `sign` answers.
    pub fn sign<E>(&self, sign: impl FnOnce(&[u8]) -> Result<[u8; 64], E>) -> Result<Vec<u8>, E> {
        cose::sign(Kind::CheckIn, es256(None), self.payload(), sign)
    }

    /// Opens a record that `device_key` must have signed.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn open(bytes: &[u8], device_key: &PublicKey) -> Result<Self, RecordError> {
        let sign1 = cose::read(bytes).filter(|sign1| cose::has_header(sign1, &es256(None))).ok_or(RecordError::Malformed)?;
        if !cose::verify(&sign1, Kind::CheckIn, device_key) {
            return Err(RecordError::NotThisDevice);
        }
        sign1.payload.as_deref().and_then(Self::from_payload).ok_or(RecordError::Malformed)
    }

    /// True when it tells of a traveller on the expressway, as [`crate::offers::Audience::Traveller`] asks. The grounds of a rest stop are reached by the
    /// expressway alone, unless they are open to the ordinary road: then only who drove onto them, or past all gates of a route, came that way for
    /// certain. The same on the phone and on the backend.
    #[must_use]
    pub fn is_from_expressway(&self, kind: PlaceKind, open_to_ordinary_road: bool) -> bool {
        let drove = |sample: &Sample| sample.speed == SpeedClass::Driving && sample.distance != DistanceBand::Far;
        match &self.method {
            CheckInMethod::Route { .. } => true,
            _ if kind != PlaceKind::RestStop => false,
            _ if !open_to_ordinary_road => true,
            CheckInMethod::Location(evidence) => evidence.samples.iter().any(drove),
            CheckInMethod::PlaceCode { .. } | CheckInMethod::ReceiptCode { .. } => false,
        }
    }

    /// SHA-256 of what is signed: the `previous` of the next record. The signature is not in it: hardware signs differently each time.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.payload()).into()
    }

    /// True when it is the next after the record of this sequence and digest, or the first. False is a gap, which is marked and not refused: a record
    /// may have expired on its way, or a key may have been lost.
    #[must_use]
    pub fn follows(&self, previous: Option<(u64, [u8; 32])>) -> bool {
        match previous {
            Some((sequence, digest)) => sequence.checked_add(1) == Some(self.sequence) && self.previous == Some(digest),
            None => self.sequence == 1 && self.previous.is_none(),
        }
    }

    fn payload(&self) -> Vec<u8> {
        let (kind, method) = match &self.method {
            CheckInMethod::Location(evidence) => (1, evidence_value(evidence)),
            CheckInMethod::Route { passes } => (2, Value::Array(passes.iter().map(pass_value).collect())),
            CheckInMethod::PlaceCode { text } => (3, Value::from(text.as_str())),
            CheckInMethod::ReceiptCode { code } => (4, Value::from(code.as_str())),
        };
        Writer::default()
            .put(1, VERSION)
            .put(2, self.id.as_str())
            .put(3, self.sequence)
            .put_some(4, self.previous.map(|digest| Value::Bytes(digest.to_vec())))
            .put(5, self.place.as_str())
            .put(6, self.at_ms)
            .put(7, self.time_proven)
            .put(8, self.boot_ms)
            .put(9, kind)
            .put(10, method)
            .put_list(11, self.unlocked.iter().map(|serial| Value::from(*serial)).collect())
            .bytes()
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let mut fields = Reader::bytes(payload)?;
        if fields.number::<i64>(1)? != VERSION {
            return None;
        }
        let text = |fields: &mut Reader, label| fields.text(label).filter(|text| text.len() <= MAX_TEXT);
        let (id, sequence) = (text(&mut fields, 2)?, fields.number(3)?);
        let previous = match fields.take(4) {
            Some(digest) => Some(<[u8; 32]>::try_from(digest.into_bytes().ok()?).ok()?),
            None => None,
        };
        let (place, at_ms, time_proven) = (PlaceId(text(&mut fields, 5)?), fields.number(6)?, fields.take(7)?.as_bool()?);
        let (boot_ms, kind, method) = (fields.number(8)?, fields.number::<i64>(9)?, fields.take(10)?);
        let short = |value: Value| value.into_text().ok().filter(|text| text.len() <= MAX_TEXT);
        let method = match kind {
            1 => CheckInMethod::Location(read_evidence(method, &place)?),
            2 => CheckInMethod::Route { passes: read_passes(method)? },
            3 => CheckInMethod::PlaceCode { text: short(method)? },
            4 => CheckInMethod::ReceiptCode { code: short(method)? },
            _ => return None,
        };
        let unlocked = fields.list(11, |serial| number(&serial)).filter(|serials| serials.len() <= MAX_UNLOCKED)?;
        let record = Self { id: CheckInId(id), sequence, previous, place, at_ms, time_proven, boot_ms, method, unlocked };
        // What does not come out as it went in was not in the one form.
        (record.payload() == payload).then_some(record)
    }
}

fn evidence_value(evidence: &Evidence) -> Value {
    let flags = [
        evidence.outlined,
        evidence.opened,
        evidence.ended,
        evidence.mock,
        evidence.jump,
        evidence.clock_shift,
        evidence.clock_unproven,
        evidence.cooling_down,
        evidence.was_opposite,
    ];
    let flags = flags.iter().rev().fold(0u32, |bits, flag| bits << 1 | u32::from(*flag));
    let samples: Vec<u8> = evidence.samples.iter().flat_map(packed).collect();
    Writer::default()
        .put(1, direction_number(evidence.direction))
        .put(2, flags)
        .put_some(3, evidence.os_visit_s)
        .put(4, Value::Bytes(samples))
        .value()
}

/// The place stands in the record once.
fn read_evidence(value: Value, place: &PlaceId) -> Option<Evidence> {
    let mut fields = Reader::value(value)?;
    let direction = DIRECTIONS.get(fields.number::<usize>(1)?).copied()?;
    let flags = fields.number::<u32>(2)?;
    let flag = |at: u32| flags >> at & 1 == 1;
    let os_visit_s = fields.maybe_number(3)?;
    let bytes = fields.take(4)?.into_bytes().ok()?;
    let (samples, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() || samples.len() > MAX_SAMPLES {
        return None;
    }
    Some(Evidence {
        place: place.clone(),
        direction,
        outlined: flag(0),
        opened: flag(1),
        ended: flag(2),
        mock: flag(3),
        jump: flag(4),
        clock_shift: flag(5),
        clock_unproven: flag(6),
        cooling_down: flag(7),
        was_opposite: flag(8),
        os_visit_s,
        samples: samples.iter().map(unpacked).collect::<Option<_>>()?,
    })
}

const DIRECTIONS: [Direction; 3] = [Direction::Inbound, Direction::Outbound, Direction::Both];
const DISTANCES: [DistanceBand; 3] = [DistanceBand::Inside, DistanceBand::Near, DistanceBand::Far];
const SIDES: [Side; 4] = [Side::Own, Side::Opposite, Side::Unclear, Side::Undecidable];
const ACCURACIES: [AccuracyClass; 4] = [AccuracyClass::Good, AccuracyClass::Fair, AccuracyClass::Poor, AccuracyClass::Unknown];
const SPEEDS: [SpeedClass; 5] = [SpeedClass::Unknown, SpeedClass::Still, SpeedClass::Walking, SpeedClass::Slow, SpeedClass::Driving];

fn direction_number(direction: Direction) -> u8 {
    match direction {
        Direction::Inbound => 0,
        Direction::Outbound => 1,
        Direction::Both => 2,
    }
}

fn packed(sample: &Sample) -> [u8; 4] {
    let age = u16::try_from(sample.age_s).unwrap_or(u16::MAX).to_be_bytes();
    let distance = match sample.distance {
        DistanceBand::Inside => 0,
        DistanceBand::Near => 1,
        DistanceBand::Far => 2,
    };
    let side = match sample.side {
        Side::Own => 0,
        Side::Opposite => 1,
        Side::Unclear => 2,
        Side::Undecidable => 3,
    };
    let accuracy = accuracy_number(sample.accuracy);
    let speed = match sample.speed {
        SpeedClass::Unknown => 0,
        SpeedClass::Still => 1,
        SpeedClass::Walking => 2,
        SpeedClass::Slow => 3,
        SpeedClass::Driving => 4,
    };
    [age[0], age[1], distance << 6 | side << 4 | accuracy << 2 | u8::from(sample.stays), speed]
}

fn unpacked([high, low, bits, speed]: &[u8; 4]) -> Option<Sample> {
    if bits & 0b10 != 0 {
        return None;
    }
    Some(Sample {
        age_s: u32::from(u16::from_be_bytes([*high, *low])),
        distance: DISTANCES.get(usize::from(bits >> 6)).copied()?,
        side: SIDES.get(usize::from(bits >> 4 & 3)).copied()?,
        accuracy: ACCURACIES.get(usize::from(bits >> 2 & 3)).copied()?,
        speed: SPEEDS.get(usize::from(*speed)).copied()?,
        stays: bits & 1 == 1,
    })
}

fn accuracy_number(accuracy: AccuracyClass) -> u8 {
    match accuracy {
        AccuracyClass::Good => 0,
        AccuracyClass::Fair => 1,
        AccuracyClass::Poor => 2,
        AccuracyClass::Unknown => 3,
    }
}

fn pass_value(pass: &GatePass) -> Value {
    Value::Array(vec![
        Value::from(pass.gate.as_str()),
        Value::from(pass.at_ms),
        Value::from(accuracy_number(pass.accuracy)),
        Value::from(pass.mock),
    ])
}

fn read_passes(value: Value) -> Option<Vec<GatePass>> {
    let passes = value.into_array().ok().filter(|passes| passes.len() <= MAX_PASSES)?;
    let pass = |value: Value| {
        let [gate, at_ms, accuracy, mock]: [Value; 4] = value.into_array().ok()?.try_into().ok()?;
        Some(GatePass {
            gate: PlaceId(gate.into_text().ok()?),
            at_ms: number(&at_ms)?,
            accuracy: ACCURACIES.get(number::<usize>(&accuracy)?).copied()?,
            mock: mock.as_bool()?,
        })
    };
    passes.into_iter().map(pass).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SoftwareKey;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn key() -> SoftwareKey {
        SoftwareKey::from_bytes(&[7; 32]).unwrap()
    }

    fn signed(record: &CheckInRecord) -> Vec<u8> {
        record.sign(|message| Ok::<_, ()>(key().sign(message))).unwrap()
    }

    fn sample() -> impl Strategy<Value = Sample> {
        (0..=u32::from(u16::MAX), select(&DISTANCES[..]), select(&SIDES[..]), select(&SPEEDS[..]), select(&ACCURACIES[..]), any::<bool>())
            .prop_map(|(age_s, distance, side, speed, accuracy, stays)| Sample { age_s, distance, side, speed, accuracy, stays })
    }

    fn evidence() -> impl Strategy<Value = Evidence> {
        let flags = prop::array::uniform9(any::<bool>());
        (select(&DIRECTIONS[..]), flags, any::<Option<u32>>(), prop::collection::vec(sample(), 0..20)).prop_map(
            |(
                direction,
                [outlined, opened, ended, mock, jump, clock_shift, clock_unproven, cooling_down, was_opposite],
                os_visit_s,
                samples,
            )| {
                Evidence {
                    place: "p".into(),
                    direction,
                    outlined,
                    opened,
                    ended,
                    mock,
                    jump,
                    clock_shift,
                    clock_unproven,
                    cooling_down,
                    was_opposite,
                    os_visit_s,
                    samples,
                }
            },
        )
    }

    fn method() -> impl Strategy<Value = CheckInMethod> {
        let pass = ("[a-z]{1,8}", any::<i64>(), select(&ACCURACIES[..]), any::<bool>())
            .prop_map(|(gate, at_ms, accuracy, mock)| GatePass { gate: gate.into(), at_ms, accuracy, mock });
        prop_oneof![
            evidence().prop_map(CheckInMethod::Location),
            prop::collection::vec(pass, 0..5).prop_map(|passes| CheckInMethod::Route { passes }),
            "[ -~]{0,40}".prop_map(|text| CheckInMethod::PlaceCode { text }),
            "[A-Z0-9]{0,12}".prop_map(|code| CheckInMethod::ReceiptCode { code }),
        ]
    }

    fn record() -> impl Strategy<Value = CheckInRecord> {
        (
            0..i64::MAX as u64,
            any::<Option<[u8; 32]>>(),
            any::<i64>(),
            any::<bool>(),
            any::<i64>(),
            method(),
            prop::collection::vec(0..1u64 << 60, 0..4),
        )
            .prop_map(|(sequence, previous, at_ms, time_proven, boot_ms, method, unlocked)| CheckInRecord {
                id: "0b2f".into(),
                sequence,
                previous,
                place: "p".into(),
                at_ms,
                time_proven,
                boot_ms,
                method,
                unlocked,
            })
    }

    proptest! {
        #[test]
        fn a_record_comes_out_as_it_went_in(record in record()) {
            let bytes = signed(&record);
            prop_assert_eq!(CheckInRecord::open(&bytes, &key().public_key()), Ok(record.clone()));
            let other = SoftwareKey::from_bytes(&[8; 32]).unwrap();
            prop_assert_eq!(CheckInRecord::open(&bytes, &other.public_key()), Err(RecordError::NotThisDevice));
        }

        #[test]
        fn any_bytes_are_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(CheckInRecord::from_payload(&bytes).is_none_or(|record| record.payload() == bytes));
            prop_assert!(CheckInRecord::open(&bytes, &key().public_key()).is_err());
        }

        #[test]
        fn an_altered_payload_is_another_record_or_none(record in record(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut payload = record.payload();
            let at = at.index(payload.len());
            payload[at] ^= 1 << bit;
            prop_assert!(CheckInRecord::from_payload(&payload).is_none_or(|other| other != record));
        }
    }

    #[test]
    fn the_chain_shows_a_gap() {
        let first = CheckInRecord {
            id: "a".into(),
            sequence: 1,
            previous: None,
            place: "p".into(),
            at_ms: 5,
            time_proven: true,
            boot_ms: 1,
            method: CheckInMethod::ReceiptCode { code: "C".into() },
            unlocked: vec![],
        };
        let second = CheckInRecord { sequence: 2, previous: Some(first.digest()), ..first.clone() };
        let third = CheckInRecord { sequence: 3, previous: Some(second.digest()), ..first.clone() };
        assert!(first.follows(None) && second.follows(Some((1, first.digest()))));
        assert!(!third.follows(Some((1, first.digest()))) && !second.follows(None) && !first.follows(Some((1, first.digest()))));
        assert!(!CheckInRecord { previous: None, ..second }.follows(Some((1, first.digest()))));
    }
}

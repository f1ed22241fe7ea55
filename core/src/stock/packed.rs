//! The form of levels in the file: 64 variants of a store in one value, and for each variant which stores have it. Pure.
//!
//! A level takes some seven bytes this way where a row of its own takes more than thirty, and a delta of a whole store writes a hundredth of the rows.

/// Variants of one value.
pub(super) const SLOTS: u32 = 64;
/// Bytes of a value of [`There`]: one word for each of its variants.
const THERE_LEN: usize = 64 * 8;

const KNOWN: u8 = 1;
const AVAILABLE: u8 = 1 << 1;
const DISPLAY: u8 = 1 << 2;
const IN_TRANSIT: u8 = 1 << 3;
const SHELF: u8 = 1 << 4;
const SOLD: u8 = 1 << 5;
const ERROR: u8 = 1 << 6;

/// A level, with its shelf by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Packed {
    pub(super) available: Option<u32>,
    pub(super) display: u32,
    pub(super) in_transit: u32,
    pub(super) shelf: Option<u32>,
    pub(super) sold_per_day_milli: u32,
    pub(super) error_permille: u32,
}

impl Packed {
    /// True when something is available.
    pub(super) fn is_there(&self) -> bool {
        self.available.is_some_and(|available| available > 0)
    }

    fn put(&self, out: &mut Vec<u8>) {
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        out.push(
            flag(self.available.is_some(), KNOWN)
                | flag(self.is_there(), AVAILABLE)
                | flag(self.display > 0, DISPLAY)
                | flag(self.in_transit > 0, IN_TRANSIT)
                | flag(self.shelf.is_some(), SHELF)
                | flag(self.sold_per_day_milli > 0, SOLD)
                | flag(self.error_permille > 0, ERROR),
        );
        for number in [self.available.unwrap_or(0), self.display, self.in_transit] {
            if number > 0 {
                put_number(out, number);
            }
        }
        if let Some(shelf) = self.shelf {
            put_number(out, shelf);
        }
        for number in [self.sold_per_day_milli, self.error_permille] {
            if number > 0 {
                put_number(out, number);
            }
        }
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (flags, rest) = bytes.split_first()?;
        *bytes = rest;
        let mut number = |flag: u8| if flags & flag == 0 { Some(0) } else { take_number(bytes) };
        let (available, display, in_transit, shelf) = (number(AVAILABLE)?, number(DISPLAY)?, number(IN_TRANSIT)?, number(SHELF)?);
        Some(Self {
            available: (flags & KNOWN != 0).then_some(available),
            display,
            in_transit,
            shelf: (flags & SHELF != 0).then_some(shelf),
            sold_per_day_milli: number(SOLD)?,
            error_permille: number(ERROR)?,
        })
    }
}

fn put_number(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn take_number(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0u32;
    for shift in [0, 7, 14, 21, 28] {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u32::from(byte & 0x7F).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The levels of 64 variants in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block(pub(super) [Option<Packed>; 64]);

impl Default for Block {
    fn default() -> Self {
        Self([None; 64])
    }
}

impl Block {
    /// Which slots are filled, one bit each, then their levels in order.
    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 + 64 * 8);
        let filled = self.0.iter().enumerate().filter(|(_, level)| level.is_some()).fold(0u64, |bits, (slot, _)| bits | 1 << slot);
        out.extend_from_slice(&filled.to_le_bytes());
        for level in self.0.iter().flatten() {
            level.put(&mut out);
        }
        out
    }

    /// `None` for bytes that are none.
    pub(super) fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut block = Self::default();
        let (filled, mut rest) = bytes.split_first_chunk::<8>()?;
        let filled = u64::from_le_bytes(*filled);
        for (slot, level) in block.0.iter_mut().enumerate() {
            if filled >> slot & 1 == 1 {
                *level = Some(Packed::take(&mut rest)?);
            }
        }
        rest.is_empty().then_some(block)
    }

    /// One level out of the bytes of a block; `None` for bytes that are none, `Some(None)` where the slot is empty.
    #[allow(clippy::option_option, reason = "the outer one is damage")]
    pub(super) fn level(bytes: &[u8], slot: u32) -> Option<Option<Packed>> {
        let (filled, mut rest) = bytes.split_first_chunk::<8>()?;
        let filled = u64::from_le_bytes(*filled);
        if filled.checked_shr(slot)? & 1 == 0 {
            return Some(None);
        }
        for before in 0..slot {
            if filled >> before & 1 == 1 {
                Packed::take(&mut rest)?;
            }
        }
        Packed::take(&mut rest).map(Some)
    }
}

/// Which of 64 stores have which of 64 variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct There([u64; 64]);

impl Default for There {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl There {
    pub(super) fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut there = Self::default();
        if bytes.len() != THERE_LEN {
            return None;
        }
        for (word, bytes) in there.0.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Some(there)
    }

    pub(super) fn pack(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// The stores that have the variant of this slot, out of the bytes; `None` for bytes that are none.
    pub(super) fn stores(bytes: &[u8], slot: u32) -> Option<u64> {
        bytes.as_chunks::<8>().0.get(usize::try_from(slot).ok()?).map(|word| u64::from_le_bytes(*word))
    }

    pub(super) fn set(&mut self, slot: u32, store: u32, there: bool) {
        if let Some(word) = usize::try_from(slot).ok().and_then(|slot| self.0.get_mut(slot)) {
            let bit = 1u64.checked_shl(store).unwrap_or(0);
            *word = if there { *word | bit } else { *word & !bit };
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn level() -> impl Strategy<Value = Packed> {
        let number = || prop_oneof![3 => Just(0u32), 3 => 0u32..200, 1 => any::<u32>()];
        let maybe = || prop_oneof![1 => Just(None), 3 => number().prop_map(Some)];
        (maybe(), number(), number(), maybe(), number(), number()).prop_map(
            |(available, display, in_transit, shelf, sold_per_day_milli, error_permille)| Packed {
                available,
                display,
                in_transit,
                shelf,
                sold_per_day_milli,
                error_permille,
            },
        )
    }

    proptest! {
        #[test]
        fn levels_come_back_as_they_were_packed(levels in proptest::collection::vec(proptest::option::of(level()), 64)) {
            let block = Block(levels.try_into().unwrap());
            let bytes = block.pack();
            prop_assert_eq!(Block::unpack(&bytes), Some(block.clone()));
            for slot in 0..64u32 {
                prop_assert_eq!(Block::level(&bytes, slot), Some(block.0[slot as usize]));
            }
            // A part of it is not taken for a whole one.
            for short in 0..bytes.len() {
                prop_assert_eq!(Block::unpack(&bytes[..short]), None);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600), slot in 0u32..80) {
            let _ = (Block::unpack(&bytes), Block::level(&bytes, slot), There::unpack(&bytes), There::stores(&bytes, slot));
        }

        #[test]
        fn stores_are_there_as_they_were_set(changes in proptest::collection::vec((0u32..64, 0u32..64, any::<bool>()), 0..200)) {
            let (mut there, mut right) = (There::default(), std::collections::BTreeSet::new());
            for (slot, store, on) in changes {
                there.set(slot, store, on);
                if on { right.insert((slot, store)); } else { right.remove(&(slot, store)); }
            }
            prop_assert_eq!(there.is_empty(), right.is_empty());
            let bytes = there.pack();
            prop_assert_eq!(There::unpack(&bytes), Some(there));
            for slot in 0..64u32 {
                let stores = There::stores(&bytes, slot).unwrap();
                for store in 0..64u32 {
                    prop_assert_eq!(stores >> store & 1 == 1, right.contains(&(slot, store)));
                }
            }
        }
    }
}

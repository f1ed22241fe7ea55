//! Chance that is the same in every run.

/// Numbers from a seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In 0..1.
    pub(crate) fn roll(&mut self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
        let part = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        part
    }

    /// Bell-shaped, of deviation 1.
    pub(crate) fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.roll()).sum::<f64>() - 6.0
    }

    /// True so many times in a thousand.
    pub(crate) fn permille(&mut self, times: u32) -> bool {
        self.roll() * 1_000.0 < f64::from(times)
    }

    /// From `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        let choices = u64::try_from(most.saturating_sub(least)).unwrap_or(0).saturating_add(1);
        least.saturating_add(i64::try_from(self.next() % choices).unwrap_or(0))
    }

    /// One of a list.
    pub(crate) fn one<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let choices = u64::try_from(list.len()).unwrap_or(u64::MAX);
        list.get(usize::try_from(self.next().checked_rem(choices)?).ok()?)
    }
}

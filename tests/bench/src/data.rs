//! Receipts of five years, made from a seed: the same number gives the same receipt.

use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};
use noren_rules::ids::{ReceiptId, StoreId, TillId};
use noren_rules::receipt::{Channel, Issuer, Receipt, ReceiptKind, ReceiptLine, TaxLine};
use noren_rules::wire::ReceiptPage;

use crate::dice::Dice;
use crate::report::{Failure, Outcome};
use crate::words::Words;

/// Receipts of a page, as the core asks for them.
pub(crate) const PAGE: usize = 500;

const BEGIN_MS: i64 = 1_606_000_000_000;
const END_MS: i64 = 1_763_000_000_000;

impl Dice {
    /// One of `items`, the first ones more often: some articles sell better than others.
    fn choose<'a>(&mut self, items: &'a [String]) -> Outcome<&'a str> {
        let (a, b) = (self.index(items.len()), self.index(items.len()));
        items.get(a.min(b)).map(String::as_str).ok_or_else(|| Failure::new("no titles"))
    }
}

/// `count` receipts, one to three lines each, oldest first.
#[derive(Debug)]
pub(crate) struct History {
    words: Words,
    count: usize,
    zone: TimeZone,
}

impl History {
    pub(crate) fn new(words: Words, count: usize) -> Self {
        Self { words, count, zone: TimeZone::fixed(offset(9)) }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn titles(&self) -> usize {
        self.words.len()
    }

    /// The pages as the backend sends them.
    pub(crate) fn pages(&self) -> impl Iterator<Item = Outcome<ReceiptPage>> + '_ {
        (0..self.count).step_by(PAGE).map(|first| {
            let last = (first + PAGE).min(self.count);
            let receipts = (first..last).map(|number| self.receipt(number)).collect::<Outcome<Vec<_>>>()?;
            Ok(ReceiptPage { receipts, next_cursor: last.to_string(), has_more: last < self.count, as_of_ms: END_MS })
        })
    }

    fn receipt(&self, number: usize) -> Outcome<Receipt> {
        let mut dice = Dice::new(0x6E6F_7265_6E00_0000 ^ number as u64);
        let step = (END_MS - BEGIN_MS) / i64::try_from(self.count)?;
        // Never two at the same millisecond, always oldest first.
        let sold_at_ms = BEGIN_MS + step * i64::try_from(number)? + i64::try_from(dice.below(step.unsigned_abs()))?;
        let japanese = dice.below(2) == 0;
        let returned = dice.below(40) == 0;
        let sign = if returned { -1 } else { 1 };
        let mut lines = Vec::new();
        for _ in 0..=dice.below(3) {
            let old = number < self.count / 5 && dice.below(20) == 0;
            let titles = if old {
                &self.words.once
            } else if japanese {
                &self.words.japanese
            } else {
                &self.words.real
            };
            let quantity = 1 + i64::try_from(dice.below(6))?;
            let price = 50 + i64::try_from(dice.below(3_000))?;
            lines.push(ReceiptLine {
                sku: format!("{:05}", dice.below(100_000)),
                description: dice.choose(titles)?.to_owned(),
                quantity: sign * quantity,
                amount_minor: sign * quantity * price,
                tax_permille: japanese.then_some(80),
                reduced_rate: japanese,
            });
        }
        let total_minor = lines.iter().map(|line| line.amount_minor).sum();
        let store = dice.below(200);
        let day = Timestamp::from_millisecond(sold_at_ms)?.to_zoned(self.zone.clone()).date();
        Ok(Receipt {
            id: ReceiptId(base32(&mut dice)),
            number: format!("{:08}", number + 1),
            till_id: TillId(format!("till-{store:03}-{}", dice.below(4))),
            channel: match dice.below(10) {
                0 | 1 => Channel::Ec,
                2 => Channel::MobileOrder,
                _ => Channel::Store,
            },
            kind: if returned { ReceiptKind::Return } else { ReceiptKind::Sale },
            of: None,
            sold_at_ms,
            business_date: day.to_string(),
            store_id: StoreId(format!("store-{store:03}")),
            store_name: format!("のれん百貨店 {store}号店"),
            issuer: japanese
                .then(|| Issuer { name: "株式会社のれん".into(), registration_number: Some(format!("T{:013}", 1_000_000 + store)) }),
            currency: "JPY".into(),
            lines,
            total_minor,
            taxes: japanese.then(|| vec![TaxLine { tax_permille: 80, gross_minor: total_minor, tax_minor: total_minor * 80 / 1080 }]),
            points: total_minor / 100,
            reissued: false,
            voided: dice.below(100) == 0,
            coupons: Vec::new(),
        })
    }
}

/// 16 characters of random lower-case base32, as the backend names receipts.
fn base32(dice: &mut Dice) -> String {
    let bits = (u128::from(dice.next()) << 64) | u128::from(dice.next());
    (0..16)
        .map(|at| char::from(b"abcdefghijklmnopqrstuvwxyz234567".get(usize::from((bits >> (at * 5)) as u8 & 31)).copied().unwrap_or(b'a')))
        .collect()
}

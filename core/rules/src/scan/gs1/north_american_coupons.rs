//! AI (8110) and (8112): paper coupons of North America, a run of fields each of which says what follows. GS1 US, "North American Coupon
//! Application Guideline Using GS1 DataBar Expanded Symbols", section 2. No coupon of ours: these are checked so that the dictionary is whole.

use super::linters::{is_digits, named};

/// The value of (8110).
pub(super) fn coupon_code(text: &str) -> bool {
    is_digits(text) && read_coupon(&mut Fields(text)).is_some()
}

/// The value of (8112): format 0 or 1, funder, offer code, serial number.
pub(super) fn positive_offer(text: &str) -> bool {
    let mut fields = Fields(text);
    let read = |fields: &mut Fields<'_>| {
        fields.one_of("01")?;
        fields.sized("0123456", 6)?;
        fields.take(6)?;
        fields.sized("0123456789", 6)?;
        fields.end()
    };
    is_digits(text) && read(&mut fields).is_some()
}

fn read_coupon(fields: &mut Fields<'_>) -> Option<()> {
    fields.company_prefix("0123456")?;
    // Offer code, save value, and what must be bought.
    fields.take(6)?;
    fields.sized("12345", 0)?;
    fields.purchase()?;
    let mut ends = None;
    if fields.begins("1") {
        fields.one_of("0123")?;
        fields.purchase()?;
        fields.other_company_prefix()?;
    }
    if fields.begins("2") {
        fields.purchase()?;
        fields.other_company_prefix()?;
    }
    if fields.begins("3") {
        ends = Some(fields.date()?);
    }
    if fields.begins("4") {
        let starts = fields.date()?;
        if ends.is_some_and(|ends| ends < starts) {
            return None;
        }
    }
    if fields.begins("5") {
        fields.sized("0123456789", 6)?;
    }
    if fields.begins("6") {
        fields.company_prefix("1234567")?;
    }
    if fields.begins("9") {
        // Save value code, the item it applies to, store coupon flag, "do not multiply".
        fields.one_of("01256")?;
        fields.one_of("012")?;
        fields.take(1)?;
        fields.one_of("01")?;
    }
    fields.end()
}

/// What is left of the digits.
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    fn take(&mut self, digits: usize) -> Option<&'a str> {
        let (field, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        Some(field)
    }

    fn one_of(&mut self, allowed: &str) -> Option<&'a str> {
        self.take(1).filter(|digit| allowed.contains(digit))
    }

    /// A digit that says the length, less `base`, and a field of that length.
    fn sized(&mut self, allowed: &str, base: usize) -> Option<&'a str> {
        let length: usize = self.one_of(allowed)?.parse().ok()?;
        self.take(length + base)
    }

    fn company_prefix(&mut self, allowed: &str) -> Option<()> {
        let prefix = self.sized(allowed, 6)?;
        (named("gcppos1")?.passes)(prefix).then_some(())
    }

    /// 9 is "the same company".
    fn other_company_prefix(&mut self) -> Option<()> {
        if self.begins("9") { Some(()) } else { self.company_prefix("0123456") }
    }

    /// Purchase requirement, its code, and the family code.
    fn purchase(&mut self) -> Option<()> {
        self.sized("12345", 0)?;
        self.one_of("012349")?;
        self.take(3).map(|_| ())
    }

    fn date(&mut self) -> Option<&'a str> {
        self.take(6).filter(|date| named("yymmdd").is_some_and(|linter| (linter.passes)(date)))
    }

    fn begins(&mut self, field: &str) -> bool {
        self.0.strip_prefix(field).map(|rest| self.0 = rest).is_some()
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coupons_are_read_field_by_field() {
        // Company prefix 614141, offer 123456, saves 111, buy 2 (code 1) of family 123.
        let plain = "0614141123456311112112 3".replace(' ', "");
        assert!(coupon_code(&plain));
        assert!(coupon_code(&format!("{plain}3261231")), "ends on 2026-12-31");
        assert!(coupon_code(&format!("{plain}32612314261201")), "from 2026-12-01");
        assert!(!coupon_code(&format!("{plain}32612014261231")), "ends before it begins");
        assert!(!coupon_code(&format!("{plain}3261331")), "no thirteenth month");
        assert!(coupon_code(&format!("{plain}9000 0").replace(' ', "")));
        assert!(!coupon_code(&format!("{plain}7")) && !coupon_code("") && !coupon_code("7") && !coupon_code("0614141"));
        assert!(positive_offer("00614141123456012345 6".replace(' ', "").as_str()));
        assert!(!positive_offer("2061414112345601234 56".replace(' ', "").as_str()) && !positive_offer(""));
    }
}

//! The last screen before the tap that orders (最終確認画面, 特定商取引法 12条の6): quantity, total, when and how it is paid, when it is handed over, how to
//! cancel, and the deadline if there is one. What was shown is kept with the order.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Cart, CartModifier, PointsMode, PricedCart, PricedOf, modifier};
use crate::eligibility::{amount_en, amount_ja};
use crate::ids::StoreId;
use crate::menu::{HandoffMode, MenuBook};
use crate::offers::Texts;
use crate::receipt::TaxLine;
use crate::tax::TaxHandoff;

/// How an order is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// With a token of a payment provider that the app holds.
    Token,
    /// At the counter, when it is handed over.
    AtCounter,
}

/// When the money moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CaptureTime {
    /// When the store accepts the order.
    AtAcceptance,
    /// When it is handed over.
    AtHandOver,
}

/// How the person can get out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CancelTerms {
    /// Until when it can be cancelled for nothing, in milliseconds; absent: until the kitchen begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// What the store says of returns and of what is not fetched.
    #[serde(default)]
    pub text: Texts,
}

/// What the snapshot says besides what is priced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotTerms {
    /// The store's name.
    pub store_name: Texts,
    /// The seller: of one rest stop, each tenant is one.
    pub seller: String,
    /// How it is paid.
    pub method: PaymentMethod,
    /// When.
    pub capture: CaptureTime,
    /// When it is handed over, in milliseconds.
    pub promised_ms: i64,
    /// Until when it is kept.
    pub kept_until_ms: i64,
    /// How to cancel.
    pub cancel: CancelTerms,
    /// Until when this offer can be taken up (the slot is held so long); absent: no deadline.
    pub deadline_ms: Option<i64>,
    /// The store's offset from UTC in minutes.
    pub utc_offset_min: i32,
}

/// A modifier on the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SnapshotModifier {
    /// Its title.
    pub title: Texts,
    /// How many.
    pub quantity: u32,
}

/// A line of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SnapshotLine {
    /// What.
    pub title: Texts,
    /// How it is made, nested ones after those around them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<SnapshotModifier>,
    /// The word to the kitchen.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// How many.
    pub quantity: u32,
    /// By its price, in minor units, tax included.
    pub amount_minor: i64,
    /// What coupons take off it.
    pub discount_minor: i64,
    /// Tax rate in thousandths.
    pub tax_permille: u32,
    /// True for the reduced rate.
    pub reduced: bool,
}

/// What was shown before the tap. Amounts are in minor units, tax included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OrderSnapshot {
    /// The store.
    pub store: StoreId,
    /// Its name.
    pub store_name: Texts,
    /// The seller.
    pub seller: String,
    /// The version of the menu.
    pub menu_version: u64,
    /// How it is handed over.
    pub handoff: HandoffMode,
    /// Where it is eaten.
    pub tax_handoff: TaxHandoff,
    /// ISO 4217 code of all amounts.
    pub currency: String,
    /// What is ordered (分量).
    pub lines: Vec<SnapshotLine>,
    /// What coupons take off in all.
    pub discount_minor: i64,
    /// Points that are used.
    pub points: i64,
    /// What they take off or pay.
    pub points_minor: i64,
    /// True where points are a means of payment, false where they are a discount.
    pub points_pay: bool,
    /// The tax in the total, by rate.
    pub taxes: Vec<TaxLine>,
    /// The total of the receipt.
    pub total_minor: i64,
    /// What is to be paid in money (支払総額).
    pub to_pay_minor: i64,
    /// How it is paid.
    pub method: PaymentMethod,
    /// When.
    pub capture: CaptureTime,
    /// When it is handed over (引渡時期).
    pub promised_ms: i64,
    /// Until when it is kept.
    pub kept_until_ms: i64,
    /// How to cancel (撤回・解除).
    pub cancel: CancelTerms,
    /// Until when this can be ordered (申込期間).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<i64>,
    /// The store's offset from UTC in minutes.
    pub utc_offset_min: i32,
}

/// A row of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct SnapshotRow {
    /// What it is about.
    pub label: String,
    /// What it says.
    pub text: String,
}

impl OrderSnapshot {
    /// What is shown for a priced cart. The cart is the one that was priced with this menu.
    #[must_use]
    pub fn of(cart: &Cart, book: &MenuBook, priced: &PricedCart<'_>, terms: SnapshotTerms) -> Self {
        let lines = priced.lines.iter().map(|line| {
            let in_cart = line.line.and_then(|at| cart.lines.get(at));
            let (title, modifiers, note) = match line.of {
                PricedOf::Item(item) => {
                    let mut modifiers = Vec::new();
                    list(book, in_cart.map_or(&[], |line| line.modifiers.as_slice()), &mut modifiers);
                    (item.title.clone(), modifiers, in_cart.map_or_else(String::new, |line| line.note.clone()))
                }
                PricedOf::Modifier(_, modifier) => (modifier.title.clone(), Vec::new(), String::new()),
                PricedOf::DeliveryFee => ([("ja", "配達料"), ("en", "Delivery fee")].into(), Vec::new(), String::new()),
            };
            SnapshotLine {
                title,
                modifiers,
                note,
                quantity: line.pieces,
                amount_minor: line.amount_minor,
                discount_minor: line.discount_minor,
                tax_permille: line.rate.permille,
                reduced: line.rate.reduced,
            }
        });
        Self {
            store: book.menu().store.clone(),
            store_name: terms.store_name,
            seller: terms.seller,
            menu_version: book.menu().version,
            handoff: cart.handoff,
            tax_handoff: cart.tax_handoff,
            currency: book.menu().currency.clone(),
            lines: lines.collect(),
            discount_minor: priced.discount_minor,
            points: priced.points,
            points_minor: priced.points_minor,
            points_pay: priced.points_mode == Some(PointsMode::Payment),
            taxes: priced.taxes.clone(),
            total_minor: priced.total_minor,
            to_pay_minor: priced.to_pay_minor,
            method: terms.method,
            capture: terms.capture,
            promised_ms: terms.promised_ms,
            kept_until_ms: terms.kept_until_ms,
            cancel: terms.cancel,
            deadline_ms: terms.deadline_ms,
            utc_offset_min: terms.utc_offset_min,
        }
    }

    /// SHA-256 of its JSON: phone and backend name what was shown by it, and an order whose price is another does not go through unasked.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        // A record of texts and integers is always written, and always in the order of its fields.
        Sha256::digest(serde_json::to_vec(self).unwrap_or_default()).into()
    }

    /// The screen in Japanese.
    #[must_use]
    pub fn rows_ja(&self) -> Vec<SnapshotRow> {
        self.rows("ja")
    }

    /// The screen in English.
    #[must_use]
    pub fn rows_en(&self) -> Vec<SnapshotRow> {
        self.rows("en")
    }

    fn rows(&self, language: &str) -> Vec<SnapshotRow> {
        let ja = language == "ja";
        let say = |in_ja: &str, in_en: &str| if ja { in_ja.to_owned() } else { in_en.to_owned() };
        let money = |minor| if ja { amount_ja(minor, &self.currency) } else { amount_en(minor, &self.currency) };
        let mut rows = Vec::new();
        let mut row = |label: String, text: String| rows.push(SnapshotRow { label, text });
        row(say("販売者", "Seller"), format!("{} / {}", self.seller, self.store_name.get(language)));
        for line in &self.lines {
            let modifiers = line.modifiers.iter().map(|modifier| match modifier.quantity {
                1 => format!(" + {}", modifier.title.get(language)),
                quantity => format!(" + {} ×{quantity}", modifier.title.get(language)),
            });
            let mark = if line.reduced { say("※", "*") } else { String::new() };
            let label = format!("{}{}{mark} ×{}", line.title.get(language), modifiers.collect::<String>(), line.quantity);
            row(label, money(line.amount_minor));
        }
        if self.discount_minor > 0 {
            row(say("クーポン", "Coupons"), money(-self.discount_minor));
        }
        if self.points > 0 && !self.points_pay {
            row(say("ポイント値引き", "Discount by points"), money(-self.points_minor));
        }
        row(say("合計(税込)", "Total, tax included"), money(self.total_minor));
        for tax in &self.taxes {
            let reduced = self.lines.iter().any(|line| line.reduced && line.tax_permille == tax.tax_permille);
            let mark = if reduced { say("※", "*") } else { String::new() };
            let rate = permille(tax.tax_permille);
            let label = if ja {
                format!("{rate}対象{mark} {}", money(tax.gross_minor))
            } else {
                format!("of which at {rate}{mark} {}", money(tax.gross_minor))
            };
            row(label, format!("{} {}", say("うち消費税", "tax"), money(tax.tax_minor)));
        }
        if self.points > 0 && self.points_pay {
            row(say("ポイント支払", "Paid with points"), money(-self.points_minor));
        }
        row(say("お支払い額", "To pay"), money(self.to_pay_minor));
        let paid = match (self.method, self.capture) {
            (PaymentMethod::AtCounter, _) => say("受け取り時に店頭でお支払い", "At the counter, at hand-over"),
            (PaymentMethod::Token, CaptureTime::AtAcceptance) => {
                say("登録したお支払い方法、店舗が注文を受け付けた時", "With your registered means, when the store accepts")
            }
            (PaymentMethod::Token, CaptureTime::AtHandOver) => {
                say("登録したお支払い方法、受け取り時", "With your registered means, at hand-over")
            }
        };
        row(say("支払方法・時期", "Payment"), paid);
        row(say("受け取り", "Hand-over"), format!("{} {}", handoff(self.handoff, ja), self.time(self.promised_ms)));
        row(say("お預かり期限", "Kept until"), self.time(self.kept_until_ms));
        let until = match self.cancel.until_ms {
            Some(until_ms) if ja => format!("{}まで無料", self.time(until_ms)),
            Some(until_ms) => format!("Free until {}", self.time(until_ms)),
            None => say("調理開始まで無料", "Free until the kitchen begins"),
        };
        row(say("キャンセル", "To cancel"), format!("{until} {}", self.cancel.text.get(language)).trim().to_owned());
        if let Some(deadline_ms) = self.deadline_ms {
            row(say("申込期限", "Order by"), self.time(deadline_ms));
        }
        if self.lines.iter().any(|line| line.reduced) {
            row(say("※", "*"), say("軽減税率対象", "reduced tax rate"));
        }
        rows
    }

    /// `2027-01-15 17:00` by the store's clock.
    fn time(&self, at_ms: i64) -> String {
        crate::dates::local_time(at_ms, self.utc_offset_min)
    }
}

/// 80 is `8%`, 15 is `1.5%`.
fn permille(permille: u32) -> String {
    if permille.is_multiple_of(10) { format!("{}%", permille / 10) } else { format!("{}.{}%", permille / 10, permille % 10) }
}

fn list(book: &MenuBook, chosen: &[CartModifier], modifiers: &mut Vec<SnapshotModifier>) {
    for one in chosen {
        if let Some(modifier) = modifier(book, one) {
            modifiers.push(SnapshotModifier { title: modifier.title.clone(), quantity: one.quantity });
        }
        list(book, &one.modifiers, modifiers);
    }
}

fn handoff(mode: HandoffMode, ja: bool) -> &'static str {
    match (mode, ja) {
        (HandoffMode::CounterPickup, true) => "店頭受取",
        (HandoffMode::CounterPickup, false) => "At the counter",
        (HandoffMode::Curbside, true) => "駐車場受取",
        (HandoffMode::Curbside, false) => "At your car",
        (HandoffMode::DriveThru, true) => "ドライブスルー",
        (HandoffMode::DriveThru, false) => "Drive-through",
        (HandoffMode::DineIn, true) => "店内飲食",
        (HandoffMode::DineIn, false) => "At your seat",
        (HandoffMode::StorePickup, true) => "店舗受取",
        (HandoffMode::StorePickup, false) => "In the store",
        (HandoffMode::Delivery, true) => "配達",
        (HandoffMode::Delivery, false) => "Delivery",
        (HandoffMode::Locker, true) => "ロッカー",
        (HandoffMode::Locker, false) => "Locker",
    }
}

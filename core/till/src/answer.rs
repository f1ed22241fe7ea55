//! What a till answers: typed for the point of sale, and at most three plain lines for the cashier.

use noren_rules::code::{Refusal, Verified};
use noren_rules::credential::Allotment;
use noren_rules::ids::{DeviceId, MemberId};
use noren_rules::wire::Assurance;

/// Language of the cashier's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Japanese.
    Ja,
    /// English.
    En,
}

/// The answer to a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What was scanned.
    pub scanned: Scanned,
    /// What the age of the till's document allows.
    pub allowance: Allowance,
    /// When that document was made, in seconds since the Unix epoch.
    pub list_as_of_s: i64,
    /// Since when the till remembers what it took: a replay from before cannot be seen.
    pub memory_since_s: i64,
}

/// What was scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned {
    /// A member code that is good here and now.
    Member(TakenCode),
    /// A one-dimensional code or a number: lower assurance, and only the backend knows whose.
    Static(StaticCode),
    /// Not taken, and why.
    Refused(Refusal),
}

/// A member code that the till took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenCode {
    /// The member.
    pub member: MemberId,
    /// The device that showed it.
    pub device: DeviceId,
    /// The time step in which it was made.
    pub step: u64,
    /// How well the member is known.
    pub assurance: Assurance,
    /// The grants that the member is willing to use, by their place in the allotment.
    pub grants: Vec<u16>,
    /// What the device may spend offline.
    pub allotment: Option<Allotment>,
    /// The code that hands over an order.
    pub pickup_code: Option<String>,
}

/// A code that names a member without proving one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaticCode {
    /// Code 128 with a one-time part that the backend verifies: may spend when the till is online.
    OneTime {
        /// The alias in it.
        alias: String,
    },
    /// EAN-13 or NW-7: copyable for ever, earns and never spends.
    Number {
        /// The text as scanned.
        number: String,
    },
}

/// What a till may do for a member, by the age of its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    /// Everything.
    Full,
    /// Older than 24 hours: spending needs a connection.
    NoOfflineSpending,
    /// Older than 7 days: members earn, nothing else.
    EarnOnly,
}

impl From<Verified> for TakenCode {
    fn from(verified: Verified) -> Self {
        Self {
            member: verified.member,
            device: verified.device,
            step: verified.step,
            assurance: verified.assurance,
            grants: verified.grants,
            allotment: verified.allotment,
            pickup_code: verified.pickup_code,
        }
    }
}

impl Answer {
    /// What the cashier reads: one to three lines, each at most 42 characters.
    #[must_use]
    pub fn lines(&self, language: Language) -> Vec<&'static str> {
        let say = |ja: &'static str, en: &'static str| if language == Language::Ja { ja } else { en };
        let mut lines = match &self.scanned {
            Scanned::Member(member) if member.pickup_code.is_some() => {
                vec![
                    say("会員です。ポイントがつきます。", "Member. Points will be given."),
                    say("お渡しのご注文があります。", "There is an order to hand over."),
                ]
            }
            Scanned::Member(_) => vec![say("会員です。ポイントがつきます。", "Member. Points will be given.")],
            Scanned::Static(StaticCode::OneTime { .. }) => {
                vec![
                    say("会員コードです。ポイントがつきます。", "Member code. Points will be given."),
                    say("利用は通信できるときだけです。", "Spending needs a connection."),
                ]
            }
            Scanned::Static(StaticCode::Number { .. }) => {
                vec![
                    say("会員番号です。ポイントがつきます。", "Member number. Points will be given."),
                    say("この番号では利用できません。", "This number cannot spend."),
                ]
            }
            Scanned::Refused(refusal) => return refusal_lines(refusal, language).to_vec(),
        };
        match self.allowance {
            Allowance::Full => {}
            Allowance::NoOfflineSpending => {
                lines.push(say("照会リストが1日より前です。更新を。", "The list is over a day old: update it."))
            }
            Allowance::EarnOnly => lines.push(say("リストが7日より前です。付与だけです。", "The list is over 7 days old: earning only.")),
        }
        lines
    }
}

fn refusal_lines(refusal: &Refusal, language: Language) -> [&'static str; 2] {
    let (ja, en) = match refusal {
        Refusal::NotAMemberCode => (
            ["会員コードではありません。", "会員証の画面をお願いします。"],
            ["This is not a member code.", "Please ask for the member card."],
        ),
        Refusal::UnknownIssuer => (
            ["この会員コードは確認できません。", "レジのリストを更新してください。"],
            ["This code cannot be checked here.", "Update the till's list."],
        ),
        Refusal::Forged => (
            ["この会員コードは無効です。", "アプリの会員証をお願いします。"],
            ["This member code is not valid.", "Please ask for the card in the app."],
        ),
        Refusal::CredentialExpired => (
            ["会員証の期限が切れています。", "アプリを通信できる所で開いてください。"],
            ["The card has expired.", "Open the app once with a connection."],
        ),
        Refusal::NotThisDevice => (
            ["この会員コードは無効です。", "ご本人の端末で表示してください。"],
            ["This member code is not valid.", "Show it on the member's own phone."],
        ),
        Refusal::UnsupportedVersion => {
            (["新しい形式の会員コードです。", "レジを更新してください。"], ["This code is of a newer kind.", "Update the till."])
        }
        Refusal::Expired { .. } => (
            ["会員コードが古くなっています。", "会員証をもう一度表示してください。"],
            ["This member code is too old.", "Please show the card again."],
        ),
        Refusal::Clock { .. } => (
            ["時刻が合っていません。", "端末かレジの時計を確かめてください。"],
            ["The clocks do not agree.", "Check the phone's and the till's time."],
        ),
        Refusal::Revoked => (
            ["この端末の会員証は停止中です。", "アプリで再登録してください。"],
            ["This phone's card has been stopped.", "Enrol again in the app."],
        ),
        Refusal::Replayed => (
            ["この会員コードは使用済みです。", "20秒待って新しいコードを。"],
            ["This code has been used.", "Wait 20 seconds for a new one."],
        ),
    };
    if language == Language::Ja { ja } else { en }
}

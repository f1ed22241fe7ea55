//! States and refusals in words, for the screen and for a screen reader.

use super::{OrderState, OrderStepError, RejectReason};

impl OrderState {
    /// In Japanese.
    #[must_use]
    pub fn text_ja(self) -> &'static str {
        match self {
            Self::Draft => "まだ注文していません",
            Self::Submitted => "注文を送りました。店舗の確認を待っています",
            Self::Unknown => "注文が届いたか確認しています。もう一度注文しないでください",
            Self::Accepted => "注文を受け付けました",
            Self::InPreparation => "調理中です",
            Self::Ready => "お受け取りいただけます",
            Self::PickedUp => "お渡ししました",
            Self::Completed => "完了しました",
            Self::Canceled => "キャンセルしました",
            Self::Rejected => "店舗がお受けできませんでした",
            Self::Expired => "受け取り期限が過ぎました",
            Self::Failed => "注文は成立していません",
        }
    }

    /// In English.
    #[must_use]
    pub fn text_en(self) -> &'static str {
        match self {
            Self::Draft => "Not ordered yet",
            Self::Submitted => "Sent; waiting for the store",
            Self::Unknown => "Checking whether your order arrived. Do not order again",
            Self::Accepted => "Accepted",
            Self::InPreparation => "Being made",
            Self::Ready => "Ready for you",
            Self::PickedUp => "Handed over",
            Self::Completed => "Completed",
            Self::Canceled => "Cancelled",
            Self::Rejected => "The store could not take it",
            Self::Expired => "It was kept until the end of its time, and nobody came",
            Self::Failed => "The order did not go through",
        }
    }
}

impl RejectReason {
    /// In Japanese.
    #[must_use]
    pub fn text_ja(self) -> &'static str {
        match self {
            Self::Changed => "価格または在庫が変わりました。変更を確認してください",
            Self::SlotGone => "その時間は埋まりました。ほかの時間を選んでください",
            Self::Store => "店舗の都合でお受けできません",
            Self::NotAccepted => "店舗から返事がありませんでした。料金はかかりません",
        }
    }

    /// In English.
    #[must_use]
    pub fn text_en(self) -> &'static str {
        match self {
            Self::Changed => "Price or stock has changed: please look at it again",
            Self::SlotGone => "That time is taken: please choose another one",
            Self::Store => "The store cannot take it",
            Self::NotAccepted => "The store did not answer. Nothing is charged",
        }
    }
}

impl OrderStepError {
    /// In Japanese.
    #[must_use]
    pub fn text_ja(&self) -> &'static str {
        match self {
            Self::NotNow(_) => "注文の状態が変わりました。最新の状態をご確認ください",
            Self::NotAllowed(_) => "この操作はできません",
            Self::Unresolved => "注文が届いたか確認しています。しばらくお待ちください",
            Self::CancelOver => "キャンセルできる時間を過ぎました。店舗にご連絡ください",
            Self::TooEarly { .. } => "まだその時刻になっていません",
            Self::PaymentOpen => "お支払いが完了していません",
            Self::Pieces { .. } => "その商品はもう残っていません",
            Self::AgeUnchecked { .. } => "年齢を確認してください",
            Self::NotLater => "お約束より後の時刻を指定してください",
            Self::Lines => "注文を変更できません。新しく注文してください",
        }
    }

    /// In English.
    #[must_use]
    pub fn text_en(&self) -> &'static str {
        match self {
            Self::NotNow(_) => "The order has moved on: look at it again",
            Self::NotAllowed(_) => "This is not yours to do",
            Self::Unresolved => "Checking whether the order arrived: please wait",
            Self::CancelOver => "Too late to cancel: please call the store",
            Self::TooEarly { .. } => "Too early",
            Self::PaymentOpen => "The payment is not settled",
            Self::Pieces { .. } => "Nothing is left of that",
            Self::AgeUnchecked { .. } => "Check the age",
            Self::NotLater => "Name a time after the promised one",
            Self::Lines => "The order cannot be changed: order anew",
        }
    }
}

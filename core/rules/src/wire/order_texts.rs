//! Orders, payments and sessions at tables in words, for the screen and for a screen reader.

use super::{OrderOf, OrderPayment, OrderView, SeatState};
use crate::menu::HandoffMode;
use crate::order::OrderState;

impl OrderView {
    /// Where it stands, in Japanese: the state as it is for this hand-over, what is to be done about the money, and by what it is called out.
    #[must_use]
    pub fn text_ja(&self) -> String {
        let mut text = match self.rejected {
            Some(reason) => reason.text_ja().to_owned(),
            None => self.state_ja().to_owned(),
        };
        if self.late && !self.state.is_final() && self.state < OrderState::Ready {
            text.push_str("。予定より遅れています");
        }
        if let Some(payment) = self.payment_matters() {
            text.push('。');
            text.push_str(payment.text_ja());
        }
        if self.state == OrderState::Ready {
            if let Some(number) = self.call_number.filter(|_| self.is_called_out()) {
                text.push_str(&format!("。呼出番号は{number}番です"));
            }
            if let Some(age) = self.least_age {
                text.push_str(&format!("。{age}歳以上であることを確認します"));
            }
        }
        text
    }

    /// The same in English.
    #[must_use]
    pub fn text_en(&self) -> String {
        let mut text = match self.rejected {
            Some(reason) => reason.text_en().to_owned(),
            None => self.state_en().to_owned(),
        };
        if self.late && !self.state.is_final() && self.state < OrderState::Ready {
            text.push_str(". Later than planned");
        }
        if let Some(payment) = self.payment_matters() {
            text.push_str(". ");
            text.push_str(payment.text_en());
        }
        if self.state == OrderState::Ready {
            if let Some(number) = self.call_number.filter(|_| self.is_called_out()) {
                text.push_str(&format!(". Your number is {number}"));
            }
            if let Some(age) = self.least_age {
                text.push_str(&format!(". You will be asked to show that you are {age} or older"));
            }
        }
        text
    }

    fn state_ja(&self) -> &'static str {
        match (self.state, self.of, self.handoff) {
            (OrderState::InPreparation, OrderOf::Goods, _) => "商品を準備しています",
            (OrderState::Ready, _, HandoffMode::StorePickup) => "店舗でお受け取りいただけます",
            (OrderState::Ready, _, HandoffMode::DineIn) => "まもなくお席にお持ちします",
            (OrderState::Ready, _, HandoffMode::Delivery) => "まもなくお届けします",
            (OrderState::Ready, _, HandoffMode::Curbside) => "できあがりました。到着をお知らせください。お車までお持ちします",
            (OrderState::Ready, _, HandoffMode::DriveThru) => "ドライブスルーでお受け取りいただけます",
            (OrderState::Ready, _, HandoffMode::Locker) => "ロッカーでお受け取りいただけます",
            (OrderState::PickedUp, _, HandoffMode::Delivery) => "お届けしました",
            (state, _, _) => state.text_ja(),
        }
    }

    fn state_en(&self) -> &'static str {
        match (self.state, self.of, self.handoff) {
            (OrderState::InPreparation, OrderOf::Goods, _) => "Being put together",
            (OrderState::Ready, _, HandoffMode::StorePickup) => "Ready for you in the store",
            (OrderState::Ready, _, HandoffMode::DineIn) => "On its way to your seat",
            (OrderState::Ready, _, HandoffMode::Delivery) => "On its way to you soon",
            (OrderState::Ready, _, HandoffMode::Curbside) => "Ready. Say when you are here: it is brought to your car",
            (OrderState::Ready, _, HandoffMode::DriveThru) => "Ready for you at the drive-through",
            (OrderState::Ready, _, HandoffMode::Locker) => "Ready for you in the locker",
            (OrderState::PickedUp, _, HandoffMode::Delivery) => "Delivered",
            (state, _, _) => state.text_en(),
        }
    }

    /// The payment, while the person waits for it or has to do something about it.
    fn payment_matters(&self) -> Option<&OrderPayment> {
        let open = matches!(self.payment, OrderPayment::StepUp { .. } | OrderPayment::Unknown | OrderPayment::Refused);
        let at_counter = self.payment == OrderPayment::AtCounter && self.state == OrderState::Ready && self.to_pay_minor > 0;
        // An order of which nobody knows whether it arrived says so, and no more.
        let told = !self.state.is_final() && self.state != OrderState::Unknown;
        Some(&self.payment).filter(|_| told && (open || at_counter))
    }

    fn is_called_out(&self) -> bool {
        matches!(self.handoff, HandoffMode::CounterPickup | HandoffMode::Curbside | HandoffMode::DriveThru)
    }
}

impl OrderPayment {
    /// In Japanese.
    #[must_use]
    pub fn text_ja(&self) -> &'static str {
        match self {
            Self::AtCounter => "お支払いは受け取り時に店頭でお願いします",
            Self::Pending => "お支払いを確認しています",
            Self::StepUp { .. } => "お支払いの本人認証が必要です",
            Self::Unknown => "お支払いの結果を確認しています。二重に請求されることはありません",
            Self::Authorised => "お支払い枠を確保しました",
            Self::Paid => "お支払い済みです",
            Self::Refused => "このカードではお支払いいただけませんでした。別のカードか店頭でのお支払いをお選びください",
            Self::Voided => "お支払いは取り消されました",
        }
    }

    /// In English.
    #[must_use]
    pub fn text_en(&self) -> &'static str {
        match self {
            Self::AtCounter => "Please pay at the counter",
            Self::Pending => "The payment is being checked",
            Self::StepUp { .. } => "Your bank asks you to confirm the payment",
            Self::Unknown => "Asking what became of the payment. You are not charged twice",
            Self::Authorised => "The amount is set aside",
            Self::Paid => "Paid",
            Self::Refused => "This card was refused: choose another one, or pay at the counter",
            Self::Voided => "The payment was called off",
        }
    }
}

impl SeatState {
    /// In Japanese.
    #[must_use]
    pub fn text_ja(self) -> &'static str {
        match self {
            Self::Waiting => "店員の確認を待っています。まだ注文できません",
            Self::Open => "このお席から注文できます",
            Self::Closed => "このお席でのご利用は終わりました",
        }
    }

    /// In English.
    #[must_use]
    pub fn text_en(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting for the staff: you cannot order yet",
            Self::Open => "You can order from this seat",
            Self::Closed => "Your visit at this seat is over",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::order::RejectReason;
    use crate::tax::TaxHandoff;

    const HANDOFFS: [HandoffMode; 7] = [
        HandoffMode::CounterPickup,
        HandoffMode::Curbside,
        HandoffMode::DriveThru,
        HandoffMode::DineIn,
        HandoffMode::Delivery,
        HandoffMode::StorePickup,
        HandoffMode::Locker,
    ];

    fn view(state: OrderState, handoff: HandoffMode, payment: OrderPayment) -> OrderView {
        OrderView {
            id: "o".into(),
            store: "s".into(),
            of: OrderOf::Menu,
            handoff,
            tax_handoff: TaxHandoff::TakeOut,
            state,
            payment,
            lines: vec![],
            currency: "JPY".into(),
            to_pay_minor: 500,
            refunded_minor: 0,
            placed_at_ms: 0,
            promised_ms: 0,
            late: false,
            kept_until_ms: 0,
            can_cancel: false,
            call_number: Some(12),
            pickup_code: None,
            shelf: None,
            least_age: None,
            rejected: None,
            replaces: None,
            version: 1,
            changed_at_ms: 0,
        }
    }

    #[test]
    fn an_order_says_where_it_stands_and_what_to_do() {
        let ready = view(OrderState::Ready, HandoffMode::CounterPickup, OrderPayment::Paid);
        assert_eq!(ready.text_ja(), "お受け取りいただけます。呼出番号は12番です");
        assert_eq!(ready.text_en(), "Ready for you. Your number is 12");
        let to_pay = OrderView { payment: OrderPayment::AtCounter, least_age: Some(20), ..ready };
        assert_eq!(
            to_pay.text_ja(),
            "お受け取りいただけます。お支払いは受け取り時に店頭でお願いします。呼出番号は12番です。20歳以上であることを確認します"
        );
        let late = OrderView { late: true, ..view(OrderState::InPreparation, HandoffMode::CounterPickup, OrderPayment::Refused) };
        assert!(late.text_en().starts_with("Being made. Later than planned. This card was refused"), "{}", late.text_en());
        let goods = OrderView { of: OrderOf::Goods, ..view(OrderState::InPreparation, HandoffMode::StorePickup, OrderPayment::Paid) };
        assert_eq!((goods.text_ja().as_str(), goods.text_en().as_str()), ("商品を準備しています", "Being put together"));
        let rejected =
            OrderView { rejected: Some(RejectReason::SlotGone), ..view(OrderState::Rejected, HandoffMode::DineIn, OrderPayment::Voided) };
        assert_eq!(rejected.text_en(), "That time is taken: please choose another one");
        let unknown = view(OrderState::Unknown, HandoffMode::CounterPickup, OrderPayment::Unknown);
        assert_eq!(unknown.text_ja(), OrderState::Unknown.text_ja(), "one thing at a time");
    }

    #[test]
    fn each_way_of_handing_over_has_its_own_words_when_it_is_ready() {
        let ready = |handoff| view(OrderState::Ready, handoff, OrderPayment::Paid);
        let ja: BTreeSet<String> = HANDOFFS.iter().map(|handoff| ready(*handoff).text_ja()).collect();
        let en: BTreeSet<String> = HANDOFFS.iter().map(|handoff| ready(*handoff).text_en()).collect();
        assert_eq!((ja.len(), en.len()), (HANDOFFS.len(), HANDOFFS.len()));
        let payments = [
            OrderPayment::AtCounter,
            OrderPayment::Pending,
            OrderPayment::StepUp { url: String::new() },
            OrderPayment::Unknown,
            OrderPayment::Authorised,
            OrderPayment::Paid,
            OrderPayment::Refused,
            OrderPayment::Voided,
        ];
        let words: BTreeSet<&str> = payments.iter().flat_map(|payment| [payment.text_ja(), payment.text_en()]).collect();
        let seats = [SeatState::Waiting, SeatState::Open, SeatState::Closed];
        let said: BTreeSet<&str> = seats.iter().flat_map(|seat| [seat.text_ja(), seat.text_en()]).collect();
        assert_eq!((words.len(), said.len()), (16, 6));
        for (state, handoff) in OrderState::ALL.into_iter().flat_map(|state| HANDOFFS.map(|handoff| (state, handoff))) {
            for payment in &payments {
                let view = view(state, handoff, payment.clone());
                assert!(!view.text_ja().is_empty() && view.text_en().is_ascii());
            }
        }
    }
}

//! One step: what follows from an order and an event.

use super::{
    Order, OrderActor, OrderEffect, OrderEvent, OrderLine, OrderRules, OrderState, OrderStepError, PaymentState, RejectReason, SetAside,
};
use crate::cart::{CaptureTime, PaymentMethod};
use crate::tax::{PaidLine, RefundError, RefundLine, refund};

use OrderActor::{Backend, Clock, Person, Store};
use OrderState::{Accepted, Canceled, Completed, Draft, Expired, Failed, InPreparation, PickedUp, Ready, Rejected, Submitted, Unknown};

type Effects = Vec<OrderEffect>;

/// An authorisation is not renewed sooner than this after it was given, however short it is.
const LEAST_RENEW_MS: i64 = 60_000;

impl OrderEvent {
    /// Who may take this step.
    #[must_use]
    pub fn actors(&self) -> &'static [OrderActor] {
        match self {
            Self::Submit | Self::Edit { .. } | Self::PayAtCounter | Self::PayAgain => &[Person],
            Self::AnswerLost | Self::Renew | Self::Expire => &[Clock],
            Self::Resolve { .. }
            | Self::Authorised { .. }
            | Self::StepUp
            | Self::PaymentUnknown
            | Self::PaymentRefused
            | Self::Captured
            | Self::CaptureRefused
            | Self::Fail => &[Backend],
            Self::Amend { .. } => &[Person, Store],
            Self::Cancel => &[Person, Store, Clock],
            Self::Accept => &[Store, Backend],
            Self::Reject { reason: RejectReason::NotAccepted } => &[Clock],
            Self::Reject { .. } => &[Store, Backend],
            Self::Start | Self::MakeReady | Self::Late { .. } | Self::Missing { .. } | Self::HandOver { .. } | Self::Refund { .. } => {
                &[Store]
            }
            Self::Complete => &[Store, Clock],
        }
    }
}

impl Order {
    /// Takes a step at a moment: the order after it, and what has to be carried out. The order before it is not changed.
    ///
    /// # Errors
    /// [`OrderStepError`]: nothing follows.
    pub fn apply(&self, event: &OrderEvent, by: OrderActor, now_ms: i64) -> Result<(Self, Vec<OrderEffect>), OrderStepError> {
        if !event.actors().contains(&by) {
            return Err(OrderStepError::NotAllowed(by));
        }
        if self.state == Unknown && !matches!(event, OrderEvent::Resolve { .. }) {
            return Err(OrderStepError::Unresolved);
        }
        let mut next = self.clone();
        let effects = next.step(event, by, now_ms)?;
        Ok((next, effects))
    }

    fn step(&mut self, event: &OrderEvent, by: OrderActor, now_ms: i64) -> Result<Effects, OrderStepError> {
        let (state, payment) = (self.state, self.payment);
        let live = matches!(state, Submitted | Accepted | InPreparation | Ready);
        match (event, state) {
            (OrderEvent::Submit, Draft) => self.submit(),
            (OrderEvent::AnswerLost, Submitted) => self.goes(Unknown),
            (OrderEvent::Resolve { found: true }, Unknown) => self.goes(Submitted),
            // A tombstone refuses the late arrival: nothing of it ever took effect.
            (OrderEvent::Resolve { found: false }, Unknown) => self.ends(Failed),
            (OrderEvent::Authorised { until_ms }, _) if live && self.is_asked() => Ok(self.authorised(*until_ms, now_ms)),
            (OrderEvent::StepUp, _) if live && self.is_asked() => self.pays(PaymentState::StepUp),
            (OrderEvent::PaymentUnknown, _) if live && self.is_asked() => self.pays(PaymentState::Unknown),
            // It can be paid otherwise, while the store waits for it or makes it.
            (OrderEvent::PaymentRefused, _) if live && self.is_asked() => self.is_refused(now_ms),
            (OrderEvent::PayAtCounter, _) if live && !self.charged => self.pay_at_counter(),
            (OrderEvent::PayAgain, _) if live && !self.charged && payment == PaymentState::Refused => Ok(self.authorise()),
            (OrderEvent::Renew, _) if live => self.renew(now_ms),
            (OrderEvent::Captured, _) if payment == PaymentState::Capturing => self.pays(PaymentState::Captured),
            (OrderEvent::CaptureRefused, Accepted | InPreparation | Ready) if payment == PaymentState::Capturing => {
                // Nothing was paid: points and coupons are all that there is to give back.
                (self.payment, self.charged) = (PaymentState::Refused, false);
                self.ends(Failed)
            }
            // It was handed over already: the shop's loss.
            (OrderEvent::CaptureRefused, _) if payment == PaymentState::Capturing => self.pays(PaymentState::Refused),
            (OrderEvent::Edit { lines, promised_ms, rules }, Submitted) => self.edit(lines, *promised_ms, rules),
            (OrderEvent::Amend { lines }, Submitted | Accepted | InPreparation | Ready) => self.amend(lines),
            (OrderEvent::Accept, Submitted) => self.accept(now_ms),
            (OrderEvent::Reject { reason }, Submitted) => self.reject(*reason, now_ms),
            (OrderEvent::Start, Accepted) => self.goes(InPreparation),
            (OrderEvent::MakeReady, Accepted | InPreparation) => {
                self.ready_at_ms = Some(now_ms);
                self.goes(Ready)
            }
            (OrderEvent::Late { promised_ms }, Accepted | InPreparation) => self.is_late(*promised_ms),
            (OrderEvent::Missing { line, pieces }, Accepted | InPreparation | Ready) => self.lack(*line, *pieces),
            (OrderEvent::Cancel, Draft | Submitted | Accepted | InPreparation | Ready) => {
                if by == Person && !self.can_cancel(now_ms) {
                    return Err(OrderStepError::CancelOver);
                }
                if by == Clock {
                    self.not_made(now_ms)?;
                }
                self.ends(Canceled)
            }
            (OrderEvent::HandOver { age_checked, refused }, Ready) => self.hand_over(*age_checked, refused, now_ms),
            (OrderEvent::Expire, Ready) => self.expire(now_ms),
            (OrderEvent::Complete, PickedUp) => {
                if by == Clock && now_ms < self.completes_at_ms() {
                    return Err(OrderStepError::TooEarly { until_ms: self.completes_at_ms() });
                }
                self.goes(Completed)
            }
            (OrderEvent::Refund { line, pieces }, PickedUp | Completed | Expired) => {
                let mut effects = self.give_back(*line, *pieces)?;
                if self.is_nothing_left() {
                    effects.extend(self.restore_coupons());
                }
                Ok(effects)
            }
            (OrderEvent::Fail, Submitted) => self.ends(Failed),
            _ => Err(OrderStepError::NotNow(state)),
        }
    }

    fn goes(&mut self, state: OrderState) -> Result<Effects, OrderStepError> {
        self.state = state;
        Ok(Vec::new())
    }

    fn pays(&mut self, payment: PaymentState) -> Result<Effects, OrderStepError> {
        self.payment = payment;
        Ok(Vec::new())
    }

    /// True while the provider's answer to an authorisation is awaited.
    fn is_asked(&self) -> bool {
        matches!(self.payment, PaymentState::Authorising | PaymentState::StepUp | PaymentState::Unknown)
    }

    /// The clock calls off only what was promised and is not made.
    fn not_made(&self, now_ms: i64) -> Result<(), OrderStepError> {
        match self.state {
            Accepted | InPreparation if now_ms >= self.kept_until_ms() => Ok(()),
            Accepted | InPreparation => Err(OrderStepError::TooEarly { until_ms: self.kept_until_ms() }),
            state => Err(OrderStepError::NotNow(state)),
        }
    }

    /// True when there is money that can be given back.
    fn is_paid(&self) -> bool {
        self.charged && matches!(self.payment, PaymentState::Capturing | PaymentState::Captured)
    }

    fn by_token(&self) -> bool {
        self.rules.method == PaymentMethod::Token
    }

    fn submit(&mut self) -> Result<Effects, OrderStepError> {
        if self.lines.is_empty() {
            return Err(OrderStepError::Lines);
        }
        self.state = Submitted;
        Ok(self.authorise())
    }

    /// Asks for what is to be paid, if a provider has anything to do with it.
    fn authorise(&mut self) -> Effects {
        let amount_minor = self.left_minor();
        if !self.by_token() || amount_minor == 0 {
            self.payment = PaymentState::Open;
            return Vec::new();
        }
        self.attempt = self.attempt.saturating_add(1);
        self.payment = PaymentState::Authorising;
        vec![OrderEffect::Authorise { attempt: self.attempt, amount_minor }]
    }

    /// The amount is set aside; what the new authorisation takes the place of is let go.
    fn authorised(&mut self, until_ms: i64, now_ms: i64) -> Effects {
        let half_ms = now_ms.saturating_add((until_ms.saturating_sub(now_ms) / 2).max(LEAST_RENEW_MS));
        let renew_ms = until_ms.saturating_sub(self.rules.renew_before_ms).max(half_ms);
        (self.payment, self.authorised) = (PaymentState::Authorised { until_ms, renew_ms }, self.attempt);
        self.standing.take().map(|old| OrderEffect::Void { attempt: old.attempt }).into_iter().collect()
    }

    /// The provider refuses. What stands still is good until it ends, and then it is asked once more.
    fn is_refused(&mut self, now_ms: i64) -> Result<Effects, OrderStepError> {
        match self.standing.take().filter(|old| now_ms < old.until_ms) {
            Some(old) => self.pays(PaymentState::Authorised { until_ms: old.until_ms, renew_ms: old.until_ms }),
            None => self.pays(PaymentState::Refused),
        }
    }

    /// Where a renewal is not answered when the money is wanted: what stands still is taken, and the renewal let go.
    fn fall_back(&mut self, now_ms: i64) -> Effects {
        let old = self.standing.filter(|old| self.is_asked() && now_ms < old.until_ms);
        let Some(SetAside { until_ms, .. }) = old else { return Vec::new() };
        self.standing = None;
        self.payment = PaymentState::Authorised { until_ms, renew_ms: until_ms };
        vec![OrderEffect::Void { attempt: self.attempt }]
    }

    /// Lets go what was set aside, or may have been.
    fn void(&mut self) -> Effects {
        if self.charged || self.attempt == 0 || matches!(self.payment, PaymentState::Refused | PaymentState::Voided | PaymentState::Open) {
            return Vec::new();
        }
        let is_set_aside = matches!(self.payment, PaymentState::Authorised { .. });
        let newest = if is_set_aside { self.authorised } else { self.attempt };
        self.payment = PaymentState::Voided;
        let attempts = std::iter::once(newest).chain(self.standing.take().map(|old| old.attempt));
        attempts.map(|attempt| OrderEffect::Void { attempt }).collect()
    }

    /// Lets go what is set aside for an order of which there is nothing to pay.
    fn let_go(&mut self) -> Effects {
        let effects = self.void();
        if !effects.is_empty() {
            self.payment = PaymentState::Open;
        }
        effects
    }

    fn pay_at_counter(&mut self) -> Result<Effects, OrderStepError> {
        let effects = self.void();
        self.rules.method = PaymentMethod::AtCounter;
        self.rules.capture = CaptureTime::AtHandOver;
        self.payment = PaymentState::Open;
        Ok(effects)
    }

    fn renew(&mut self, now_ms: i64) -> Result<Effects, OrderStepError> {
        let PaymentState::Authorised { until_ms, renew_ms } = self.payment else {
            return Err(OrderStepError::NotNow(self.state));
        };
        if now_ms < renew_ms {
            return Err(OrderStepError::TooEarly { until_ms: renew_ms });
        }
        if self.left_minor() == 0 {
            return Ok(self.let_go());
        }
        // The new one first: where it is refused, the old one still stands.
        self.standing = Some(SetAside { attempt: self.authorised, until_ms });
        Ok(self.authorise())
    }

    fn edit(&mut self, lines: &[OrderLine], promised_ms: i64, rules: &OrderRules) -> Result<Effects, OrderStepError> {
        if lines.is_empty() || lines.iter().any(|line| line.paid.refunded_pieces > 0) {
            return Err(OrderStepError::Lines);
        }
        let mut effects = self.void();
        self.lines = lines.to_vec();
        self.promised_ms = promised_ms;
        // Whoever pays at the counter by now goes on doing so.
        let (method, capture, accept_by_ms) = (self.rules.method, self.rules.capture, self.rules.accept_by_ms);
        self.rules = OrderRules { method, capture, accept_by_ms, ..*rules };
        effects.extend(self.authorise());
        Ok(effects)
    }

    fn amend(&mut self, lines: &[OrderLine]) -> Result<Effects, OrderStepError> {
        let same = |(old, new): (&OrderLine, &OrderLine)| old.paid.pieces == new.paid.pieces;
        // How they are spread over the lines goes by the prices.
        let points = |lines: &[OrderLine]| lines.iter().map(|line| line.paid.points).sum::<i64>();
        let untouched = self.lines.iter().chain(lines).all(|line| line.paid.refunded_pieces == 0);
        if lines.len() != self.lines.len() || !untouched || !self.lines.iter().zip(lines).all(same) || points(&self.lines) != points(lines)
        {
            return Err(OrderStepError::Lines);
        }
        let before_minor = self.left_minor();
        if self.charged {
            self.lines = lines.to_vec();
            let money_minor = self.left_minor() - before_minor;
            if money_minor == 0 {
                return Ok(Vec::new());
            }
            self.amendments = self.amendments.saturating_add(1);
            return Ok(vec![OrderEffect::Difference { number: self.amendments, money_minor }]);
        }
        self.lines = lines.to_vec();
        // What is set aside covers a lower amount, not a higher one.
        if self.left_minor() <= before_minor {
            return Ok(Vec::new());
        }
        let mut effects = self.void();
        effects.extend(self.authorise());
        Ok(effects)
    }

    fn accept(&mut self, now_ms: i64) -> Result<Effects, OrderStepError> {
        if now_ms >= self.rules.accept_by_ms {
            return Err(OrderStepError::NotNow(self.state));
        }
        let settled = match self.payment {
            PaymentState::Authorised { until_ms, .. } => now_ms < until_ms,
            PaymentState::Open => true,
            _ => false,
        };
        if !settled {
            return Err(OrderStepError::PaymentOpen);
        }
        self.state = Accepted;
        Ok(if self.rules.capture == CaptureTime::AtAcceptance { self.charge(self.left_minor()) } else { Vec::new() })
    }

    fn reject(&mut self, reason: RejectReason, now_ms: i64) -> Result<Effects, OrderStepError> {
        if reason == RejectReason::NotAccepted && now_ms < self.rules.accept_by_ms {
            return Err(OrderStepError::TooEarly { until_ms: self.rules.accept_by_ms });
        }
        self.rejected = Some(reason);
        self.ends(Rejected)
    }

    /// Asks for the money, once.
    fn charge(&mut self, amount_minor: i64) -> Effects {
        if self.charged || amount_minor <= 0 || !self.by_token() {
            return Vec::new();
        }
        self.charged = true;
        self.payment = PaymentState::Capturing;
        vec![OrderEffect::Capture { amount_minor }]
    }

    fn is_late(&mut self, promised_ms: i64) -> Result<Effects, OrderStepError> {
        if promised_ms <= self.promised_ms {
            return Err(OrderStepError::NotLater);
        }
        (self.promised_ms, self.late) = (promised_ms, true);
        Ok(Vec::new())
    }

    /// Pieces that cannot be made; where nothing is left the order is off.
    fn lack(&mut self, line: usize, pieces: u32) -> Result<Effects, OrderStepError> {
        let mut effects = self.give_back_with_modifiers(line, pieces)?;
        if self.is_nothing_left() {
            effects.extend(self.ends(Canceled)?);
        }
        Ok(effects)
    }

    /// Pieces of an item, with the modifiers that are lines of their own and nothing without it.
    fn give_back_with_modifiers(&mut self, line: usize, pieces: u32) -> Result<Effects, OrderStepError> {
        let mut effects = self.give_back(line, pieces)?;
        let Some(item) = self.lines.get(line).map(|line| line.paid) else { return Ok(effects) };
        let gone = |paid: &PaidLine| {
            let gone = u64::from(paid.pieces) * u64::from(item.refunded_pieces) / u64::from(item.pieces.max(1));
            u32::try_from(gone).unwrap_or(u32::MAX).saturating_sub(paid.refunded_pieces)
        };
        let with = self.lines.iter().enumerate().filter(|(_, with)| with.goes_with == Some(line));
        let with: Vec<(usize, u32)> = with.map(|(at, with)| (at, gone(&with.paid))).filter(|(_, pieces)| *pieces > 0).collect();
        for (at, pieces) in with {
            effects.extend(self.give_back(at, pieces)?);
        }
        Ok(effects)
    }

    /// Gives pieces back, or drops them while they are not paid for.
    fn give_back(&mut self, line: usize, pieces: u32) -> Result<Effects, OrderStepError> {
        let paid: Vec<_> = self.lines.iter().map(|line| line.paid).collect();
        let left = paid.get(line).map_or(0, |paid| paid.left_pieces());
        let back = refund(&paid, &[RefundLine { line, pieces }], self.rules.rounding);
        let back = back.map_err(|error| match error {
            RefundError::TooMany { left, .. } => OrderStepError::Pieces { line, left },
            RefundError::Nothing | RefundError::NoLine(_) | RefundError::Twice(_) => OrderStepError::Pieces { line, left },
        })?;
        let Some(ordered) = self.lines.get_mut(line) else {
            return Err(OrderStepError::Pieces { line, left });
        };
        let from_piece = ordered.paid.refunded_pieces;
        ordered.paid.refunded_pieces += pieces;
        // Of what a card did not pay in the end, only points come back.
        let (money_minor, points) = (if self.is_paid() { back.money_minor } else { 0 }, back.points);
        // What was handed over for nothing, paid by points and coupons, was sold as well.
        Ok(vec![if self.charged || self.picked_up_ms.is_some() {
            OrderEffect::Refund { line, from_piece, pieces, money_minor, points }
        } else {
            OrderEffect::Drop { line, from_piece, pieces, points }
        }])
    }

    /// Gives back all that is left of these lines.
    fn give_back_all(&mut self, of: impl Fn(&OrderLine) -> bool) -> Result<Effects, OrderStepError> {
        let open: Vec<(usize, u32)> =
            self.lines.iter().enumerate().filter(|(_, line)| of(line)).map(|(at, line)| (at, line.paid.left_pieces())).collect();
        let mut effects = Vec::new();
        for (line, pieces) in open.into_iter().filter(|(_, pieces)| *pieces > 0) {
            effects.extend(self.give_back(line, pieces)?);
        }
        Ok(effects)
    }

    /// Ends an order of which nothing is handed over.
    fn ends(&mut self, state: OrderState) -> Result<Effects, OrderStepError> {
        let begun = self.state != Draft;
        self.state = state;
        let mut effects = self.void();
        if begun {
            effects.extend(self.give_back_all(|_| true)?);
            effects.extend(self.release_slot());
            effects.extend(self.restore_coupons());
        }
        Ok(effects)
    }

    fn is_nothing_left(&self) -> bool {
        self.lines.iter().all(|line| line.paid.left_pieces() == 0)
    }

    fn release_slot(&mut self) -> Effects {
        if std::mem::replace(&mut self.slot_released, true) { Vec::new() } else { vec![OrderEffect::ReleaseSlot] }
    }

    fn restore_coupons(&mut self) -> Effects {
        if std::mem::replace(&mut self.coupons_restored, true) { Vec::new() } else { vec![OrderEffect::RestoreCoupons] }
    }

    fn hand_over(&mut self, age_checked: bool, refused: &[usize], now_ms: i64) -> Result<Effects, OrderStepError> {
        let goes_with_refused = |line: &OrderLine| line.goes_with.is_some_and(|item| refused.contains(&item));
        let is_kept = |at: &usize, line: &OrderLine| !refused.contains(at) && !goes_with_refused(line) && line.paid.left_pieces() > 0;
        let kept = self.lines.iter().enumerate().filter(|(at, line)| is_kept(at, line));
        if let Some(least_age) = kept.filter_map(|(_, line)| line.least_age).max().filter(|_| !age_checked) {
            return Err(OrderStepError::AgeUnchecked { least_age });
        }
        let mut effects = self.fall_back(now_ms);
        let settled =
            matches!(self.payment, PaymentState::Authorised { .. } | PaymentState::Open | PaymentState::Capturing | PaymentState::Captured);
        if !settled {
            return Err(OrderStepError::PaymentOpen);
        }
        let mut back = refused.to_vec();
        back.sort_unstable();
        back.dedup();
        for line in back {
            let left = self.lines.get(line).ok_or(OrderStepError::Pieces { line, left: 0 })?.paid.left_pieces();
            // It may be gone already, with the item that it goes with.
            if left > 0 || !effects.iter().any(|effect| effect.gives_back(line)) {
                effects.extend(self.give_back_with_modifiers(line, left)?);
            }
        }
        if self.is_nothing_left() {
            effects.extend(self.ends(Canceled)?);
            return Ok(effects);
        }
        effects.extend(match self.rules.method {
            PaymentMethod::Token => self.charge(self.left_minor()),
            PaymentMethod::AtCounter => self.collect(),
        });
        // Where nothing is charged in the end, nothing stays set aside.
        effects.extend(self.let_go());
        (self.state, self.picked_up_ms) = (PickedUp, Some(now_ms));
        Ok(effects)
    }

    fn collect(&mut self) -> Effects {
        let amount_minor = self.left_minor();
        if self.charged || amount_minor <= 0 {
            return Vec::new();
        }
        self.charged = true;
        self.payment = PaymentState::Captured;
        vec![OrderEffect::Collect { amount_minor }]
    }

    /// Nobody came: food is discarded, goods go back to the shelf and their money to the person.
    fn expire(&mut self, now_ms: i64) -> Result<Effects, OrderStepError> {
        if now_ms < self.kept_until_ms() {
            return Err(OrderStepError::TooEarly { until_ms: self.kept_until_ms() });
        }
        self.state = Expired;
        let mut effects = self.fall_back(now_ms);
        effects.extend(self.give_back_all(|line| !line.perishable)?);
        let owed_minor = self.left_minor();
        let authorised = matches!(self.payment, PaymentState::Authorised { until_ms, .. } if now_ms < until_ms);
        if self.rules.charge_no_show && authorised {
            effects.extend(self.charge(owed_minor));
        }
        if !self.charged {
            effects.extend(self.give_back_all(|_| true)?);
            effects.extend(self.void());
        }
        // The kitchen's time is spent, what was reserved for it is free again. Coupons come back only with the whole order.
        effects.extend(self.release_slot());
        if self.is_nothing_left() {
            effects.extend(self.restore_coupons());
        }
        Ok(effects)
    }
}

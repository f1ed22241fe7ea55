//! Codes that are shown or scanned around an order: seats, passes, self-checkout baskets; and what lies beside it on the shelf.

use noren_rules::catalogue::price_at;
use noren_rules::ids::{CheckInId, OrderId, StoreId};
use noren_rules::receipt::Channel;
use noren_rules::seat_code::{SeatCode, SeatCodeError};
use noren_rules::wire::{
    AddOns, BasketPiece, PassRequest, PickupPass, SeatRequest, SeatSession, SeatState, SelfBasket, SelfBasketRequest, paths,
};

use super::service::{KeptSeat, SEAT};
use super::{OrderingError, OrderingService, SelfBasketTotal, SelfBasketView, endpoints};
use crate::catalogue::ProductNumber;

const BASKET: &str = "basket";
const MOST_LINES: usize = 100;
const MOST_PIECES: u32 = 99;
/// Longer than any article code.
const MOST_SKU: usize = 200;
/// Longer than any code of a seat.
const MOST_CODE: usize = 2_000;
/// What a basket is counted in where the store's terms are not known.
const CURRENCY: &str = "JPY";

impl OrderingService {
    /// Someone else fetches it (代理受取): a code that hands it over once. A new one takes the place of the last. Kept for `pass_of`.
    ///
    /// # Errors
    /// `NoSuchOrder`, `NotEnrolled`, `Refused`, `Call`, `Platform`, `Storage`.
    pub async fn pass(&self, order: &OrderId) -> Result<PickupPass, OrderingError> {
        self.order(order)?;
        let pass: PickupPass = self.post(paths::ORDER_PASSES, &PassRequest { order: order.clone() }).await?;
        self.core.ordering.keep_code(&pass_name(order), &pass)?;
        Ok(pass)
    }

    /// The last pass of an order that this phone asked for. Local, at once.
    ///
    /// # Errors
    /// `Storage`.
    pub fn pass_of(&self, order: &OrderId) -> Result<Option<PickupPass>, OrderingError> {
        Ok(self.core.ordering.code(&pass_name(order))?)
    }

    /// A seat's code was scanned. Where its issuer is known on this phone, a forged or old one is refused with no network, and so is one of another
    /// store than `store`, where one is named. A check-in there opens a plate's session without the staff.
    ///
    /// # Errors
    /// `SeatRefused`, `NotEnrolled`, `Refused`, `Call`, `Platform`, `Storage`.
    pub async fn seat(&self, code: &str, store: Option<&StoreId>, check_in: Option<CheckInId>) -> Result<SeatSession, OrderingError> {
        self.check_seat(code, store)?;
        self.ask_for_seat(SeatRequest { code: code.trim_end().to_owned(), check_in }).await
    }

    /// Asks whether a session that waits for the staff is open by now. One that does not wait is answered as it is known.
    ///
    /// # Errors
    /// As for [`OrderingService::seat`].
    pub async fn refresh_seat(&self) -> Result<Option<SeatSession>, OrderingError> {
        let now_ms = self.core.clock.now().now_ms;
        match self.kept_seat()? {
            // A code that is asked for after its session is over would begin another one.
            Some(kept) if kept.session.state == SeatState::Waiting && kept.session.until_ms > now_ms => {
                self.ask_for_seat(kept.request).await.map(Some)
            }
            kept => Ok(kept.map(|kept| kept.session)),
        }
    }

    async fn ask_for_seat(&self, request: SeatRequest) -> Result<SeatSession, OrderingError> {
        let session: SeatSession = self.post(paths::SEATS, &request).await?;
        self.core.ordering.keep_code(SEAT, &KeptSeat { session: session.clone(), request })?;
        self.core.observers.tell(crate::platform::Change::Orders);
        Ok(session)
    }

    fn check_seat(&self, code: &str, store: Option<&StoreId>) -> Result<(), OrderingError> {
        let refused = |detail: String| Err(OrderingError::SeatRefused { detail });
        if code.len() > MOST_CODE {
            return refused(SeatCodeError::NotASeatCode.to_string());
        }
        let now = self.core.clock.now();
        let rules = self.core.coupons.open_rules(self.core.places.rules()?);
        match SeatCode::open(code, &rules.issuers, now.now_s()) {
            Ok(seat) if store.is_some_and(|store| *store != seat.store) => {
                refused("it is of another store: scan the one at your table".into())
            }
            // Whose issuer is not known here, the backend knows; and a clock that nobody has proven makes no slip old.
            Ok(_) | Err(SeatCodeError::UnknownIssuer) => Ok(()),
            Err(SeatCodeError::Over) if !now.proven => Ok(()),
            Err(error) => refused(error.to_string()),
        }
    }

    /// What a basket comes to by the store's prices on this phone: show it while scanning. Local, at once.
    ///
    /// # Errors
    /// `BadCart`, `Storage`.
    pub fn basket_total(&self, store: &StoreId, pieces: &[BasketPiece]) -> Result<SelfBasketTotal, OrderingError> {
        check_basket(pieces)?;
        let now_ms = self.core.clock.now().now_ms;
        let currency = self.core.ordering.menu(store)?.map_or_else(|| CURRENCY.to_owned(), |(kept, _)| kept.terms.currency.clone());
        let (mut total_minor, mut unknown) = (0i64, Vec::new());
        for piece in pieces {
            let found = self.core.catalogue.by_number(&ProductNumber::Sku(piece.sku.clone()))?;
            let variants = found.into_iter().flat_map(|(product, _)| product.record.product.variants);
            let prices = variants.into_iter().find(|variant| variant.sku == piece.sku).map(|variant| variant.prices).unwrap_or_default();
            match price_at(&prices, Channel::Store, now_ms).filter(|price| price.currency == currency) {
                Some(price) => total_minor = total_minor.saturating_add(price.amount_minor.saturating_mul(i64::from(piece.quantity))),
                None => unknown.push(piece.clone()),
            }
        }
        Ok(SelfBasketTotal { currency, total_minor, unknown })
    }

    /// What was scanned in the store becomes one code for the self-till (セルフレジ), priced by the backend; kept for `last_basket`.
    ///
    /// # Errors
    /// `BadCart`, `NotEnrolled`, `Refused`, `Call`, `Platform`, `Storage`.
    pub async fn self_basket(&self, store: &StoreId, pieces: &[BasketPiece]) -> Result<SelfBasketView, OrderingError> {
        let shown_minor = self.basket_total(store, pieces)?.total_minor;
        let request = SelfBasketRequest { store: store.clone(), pieces: pieces.to_vec(), total_minor: shown_minor };
        let basket: SelfBasket = self.post(paths::SELF_BASKETS, &request).await?;
        self.core.ordering.keep_code(BASKET, &(&basket, shown_minor))?;
        Ok(view(basket, shown_minor))
    }

    /// The last basket, while its code holds. Local, at once.
    ///
    /// # Errors
    /// `Storage`.
    pub fn last_basket(&self) -> Result<Option<SelfBasketView>, OrderingError> {
        let kept: Option<(SelfBasket, i64)> = self.core.ordering.code(BASKET)?;
        let now_ms = self.core.clock.now().now_ms;
        Ok(kept.filter(|(basket, _)| basket.until_ms > now_ms).map(|(basket, shown_minor)| view(basket, shown_minor)))
    }

    /// What lies on the shelves of the store where an order is fetched, to be taken along: only what that store has now.
    ///
    /// # Errors
    /// `NoSuchOrder`, `NotEnrolled`, `Refused`, `Call`, `Platform`, `Storage`.
    pub async fn add_ons(&self, order: &OrderId) -> Result<AddOns, OrderingError> {
        self.order(order)?;
        let core = &self.core;
        self.heard(endpoints::add_ons(&core.client, core.tokens.as_ref(), order).await)
    }
}

fn view(basket: SelfBasket, shown_minor: i64) -> SelfBasketView {
    SelfBasketView { is_changed: basket.total_minor != shown_minor, basket, shown_minor }
}

fn pass_name(order: &OrderId) -> String {
    format!("pass:{order}")
}

fn check_basket(pieces: &[BasketPiece]) -> Result<(), OrderingError> {
    if pieces.is_empty() || pieces.len() > MOST_LINES {
        return Err(OrderingError::bad("a basket has 1 to 100 lines: scan again, or pay in two parts"));
    }
    if pieces.iter().any(|piece| !(1..=MOST_PIECES).contains(&piece.quantity)) {
        return Err(OrderingError::bad("1 to 99 pieces of a line: choose a number between"));
    }
    if pieces.iter().any(|piece| piece.sku.as_str().is_empty() || piece.sku.as_str().len() > MOST_SKU) {
        return Err(OrderingError::bad("this is no article code: scan it again"));
    }
    Ok(())
}

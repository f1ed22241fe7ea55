//! Orders as they move on: server-sent events where the transport can, polling where it cannot.

use noren_rules::wire::{OrderView, paths};

use super::{ORDERS_COLLECTION, OrderingError, OrderingService};
use crate::net::{ByteStream, EventReader, ServerEvent};
use crate::platform::Change;

/// How often it is asked without events, while an order is on its way.
const POLL_MS: i64 = 5_000;
/// While none is.
const IDLE_POLL_MS: i64 = 60_000;
/// The longest wait after failures.
const LONGEST_WAIT_MS: i64 = 300_000;
/// The wait before events are asked for again after they have ended.
const AGAIN_MS: i64 = 1_000;
/// The wait before they are, after a stream that brought nothing and did not stand; doubled with each. It is asked meanwhile.
const EVENTS_AGAIN_MS: i64 = 60_000;
/// A stream that was open for so long stands.
const STANDS_MS: i64 = 60_000;
/// How often it is noted that events come.
const NOTED_EVERY_MS: i64 = 60_000;

/// What became of one look at what is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderNews {
    /// True when an order is other than before: ask `orders()`.
    pub changed: bool,
    /// How long to wait before the next look; 0 while events come by themselves.
    pub wait_ms: i64,
    /// True while events come by themselves.
    pub is_live: bool,
}

/// Follows the member's orders, for as long as somebody looks. From [`OrderingService::follow`].
pub struct OrderFeed {
    service: OrderingService,
    events: Option<Events>,
    /// Up to this version everything was heard, by the list or by events: they come in their order. What an answer told of one order says nothing of
    /// the others. `None`: the list is to be asked for first, as events without a beginning tell the whole past.
    heard: Option<u64>,
    /// Failures one after the other.
    failures: u32,
    /// Streams that were worth nothing, one after the other.
    useless: u32,
    /// Until then, by the clock of the boot, it is asked instead.
    ask_until_ms: i64,
    /// When it was noted last, by the clock of the boot, that nothing is missing.
    noted_ms: Option<i64>,
}

/// A stream of events.
struct Events {
    stream: Box<dyn ByteStream>,
    reader: EventReader,
    since_ms: i64,
    /// True once it has told something, or has stood for a while: a proxy may keep all of it, a server may break off at once.
    is_good: bool,
}

impl OrderingService {
    /// Follows the orders while somebody looks at them, step by step.
    #[must_use]
    pub fn follow(&self) -> OrderFeed {
        OrderFeed { service: self.clone(), events: None, heard: None, failures: 0, useless: 0, ask_until_ms: i64::MIN, noted_ms: None }
    }

    /// Follows the orders until the future is dropped: call it while they are on the screen. Observers are told what changes.
    ///
    /// # Errors
    /// `NotEnrolled`, `Platform`, `Storage`: what network and server do is tried again.
    pub async fn live(&self) -> Result<(), OrderingError> {
        let mut feed = self.follow();
        loop {
            let news = feed.next().await?;
            if let Ok(wait_ms @ 1..) = u64::try_from(news.wait_ms) {
                tokio::time::sleep(std::time::Duration::from_millis(wait_ms)).await;
            }
        }
    }
}

impl OrderFeed {
    /// Waits for what is new, or asks. Dropping the future loses nothing.
    ///
    /// # Errors
    /// `NotEnrolled`, `Platform`, `Storage`.
    pub async fn next(&mut self) -> Result<OrderNews, OrderingError> {
        let Some(events) = self.events.as_mut() else { return self.open().await };
        let heard = events.stream.next().await;
        match heard.ok().flatten().map(|bytes| events.reader.push(&bytes)) {
            Some(Ok(events)) => self.listen(&events),
            // The end, a break, or something else than events.
            Some(Err(_)) | None => self.close(),
        }
    }

    /// Opens the events; where they cannot be had, or brought nothing lately, asks. The list comes first.
    async fn open(&mut self) -> Result<OrderNews, OrderingError> {
        let is_asked = self.boot_ms() < self.ask_until_ms;
        let mut listed = None;
        if is_asked || self.heard.is_none() {
            let news = self.ask().await?;
            if is_asked || self.heard.is_none() {
                return Ok(news);
            }
            listed = Some(news);
        }
        let service = self.service.clone();
        let last_id = self.heard.map(|version| version.to_string());
        match service.core.client.events_authorized(service.core.tokens.as_ref(), paths::ORDER_EVENTS, last_id.as_deref()).await {
            Ok(stream) => {
                let since_ms = self.boot_ms();
                self.events = Some(Events { stream, reader: EventReader::default(), since_ms, is_good: false });
                Ok(OrderNews { changed: listed.is_some_and(|news| news.changed), wait_ms: 0, is_live: true })
            }
            Err(error) => {
                tracing::debug!("orders are asked for instead: {error}");
                match listed {
                    Some(news) => Ok(news),
                    None => self.ask().await,
                }
            }
        }
    }

    async fn ask(&mut self) -> Result<OrderNews, OrderingError> {
        let service = self.service.clone();
        match service.fetch_orders().await {
            Ok((changed, newest)) => {
                self.failures = 0;
                self.heard = self.heard.max(Some(newest));
                let is_any = service.core.ordering.mirrored(&service.member()?)?.iter().any(|kept| !kept.view.state.is_final());
                Ok(OrderNews { changed, wait_ms: self.wait_ms(if is_any { POLL_MS } else { IDLE_POLL_MS })?, is_live: false })
            }
            Err(OrderingError::Call { .. } | OrderingError::Refused { .. }) => {
                self.failures = self.failures.saturating_add(1);
                Ok(OrderNews { changed: false, wait_ms: self.wait_ms(POLL_MS)?, is_live: false })
            }
            Err(error) => Err(error),
        }
    }

    fn listen(&mut self, heard: &[ServerEvent]) -> Result<OrderNews, OrderingError> {
        let views = heard.iter().filter(|event| event.kind == "order");
        let views: Vec<OrderView> = views.filter_map(|event| serde_json::from_str(&event.data).ok()).collect();
        let now_ms = self.boot_ms();
        if let Some(events) = self.events.as_mut() {
            events.is_good |= !views.is_empty() || now_ms.saturating_sub(events.since_ms) >= STANDS_MS;
            if events.is_good {
                (self.failures, self.useless) = (0, 0);
            }
        }
        let changed = self.take(&views)?;
        self.heard = views.iter().map(|view| view.version).max().max(self.heard);
        // While events come, nothing older is missing.
        if self.noted_ms.is_none_or(|noted_ms| now_ms.saturating_sub(noted_ms) >= NOTED_EVERY_MS) {
            let core = &self.service.core;
            core.collections.complete(ORDERS_COLLECTION, None, core.clock.now().now_ms)?;
            self.noted_ms = Some(now_ms);
        }
        Ok(OrderNews { changed, wait_ms: 0, is_live: true })
    }

    fn close(&mut self) -> Result<OrderNews, OrderingError> {
        if !self.events.take().is_some_and(|events| events.is_good) {
            let wait_ms = EVENTS_AGAIN_MS.saturating_mul(1i64 << self.useless.min(10)).min(LONGEST_WAIT_MS);
            self.ask_until_ms = self.boot_ms().saturating_add(wait_ms);
            self.useless = self.useless.saturating_add(1);
        }
        Ok(OrderNews { changed: false, wait_ms: self.wait_ms(AGAIN_MS)?, is_live: false })
    }

    fn boot_ms(&self) -> i64 {
        self.service.core.clock.boot_ms()
    }

    fn take(&self, views: &[OrderView]) -> Result<bool, OrderingError> {
        let core = &self.service.core;
        let member = self.service.member()?;
        let mut changed = false;
        for view in views {
            changed |= core.ordering.take_order(&member, view)?;
        }
        if changed {
            core.observers.tell(Change::Orders);
        }
        Ok(changed)
    }

    /// Doubled with each failure, and between half and the whole of that: a thousand phones that lost the same server do not come back together.
    fn wait_ms(&self, first_ms: i64) -> Result<i64, OrderingError> {
        let most = first_ms.saturating_mul(1i64 << self.failures.min(10)).min(LONGEST_WAIT_MS.max(first_ms));
        let mut random = [0u8; 2];
        self.service.core.platform.entropy.fill(&mut random)?;
        Ok(most / 2 + (most / 2).saturating_mul(i64::from(u16::from_be_bytes(random))) / i64::from(u16::MAX))
    }
}

impl std::fmt::Debug for OrderFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrderFeed").field("is_live", &self.events.is_some()).field("failures", &self.failures).finish_non_exhaustive()
    }
}

//! Orders as they move on: server-sent events where the transport can, polling where it cannot.

use noren_rules::wire::{OrderView, paths};

use super::{OrderingError, OrderingService};
use crate::net::{ByteStream, EventReader};
use crate::platform::Change;

/// How often it is asked without events, while an order is on its way.
const POLL_MS: i64 = 5_000;
/// While none is.
const IDLE_POLL_MS: i64 = 60_000;
/// The longest wait after failures.
const LONGEST_WAIT_MS: i64 = 300_000;
/// The wait before events are asked for again after they have ended.
const AGAIN_MS: i64 = 1_000;

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
    stream: Option<Box<dyn ByteStream>>,
    reader: EventReader,
    /// The newest version that came as an event: they come in their order. What an answer told of one order says nothing of the others.
    heard: Option<u64>,
    failures: u32,
}

impl OrderingService {
    /// Follows the orders while somebody looks at them, step by step.
    #[must_use]
    pub fn follow(&self) -> OrderFeed {
        OrderFeed { service: self.clone(), stream: None, reader: EventReader::default(), heard: None, failures: 0 }
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
        match self.stream.as_mut() {
            Some(stream) => {
                let heard = stream.next().await;
                match heard.ok().flatten().map(|bytes| self.reader.push(&bytes)) {
                    Some(Ok(events)) => {
                        self.failures = 0;
                        let views = events.iter().filter(|event| event.kind == "order");
                        let views: Vec<OrderView> = views.filter_map(|event| serde_json::from_str(&event.data).ok()).collect();
                        let changed = self.take(&views)?;
                        self.heard = views.iter().map(|view| view.version).max().max(self.heard);
                        Ok(OrderNews { changed, wait_ms: 0, is_live: true })
                    }
                    // The end, a break, or something else than events.
                    Some(Err(_)) | None => {
                        self.stream = None;
                        self.failures = self.failures.saturating_add(1);
                        Ok(OrderNews { changed: false, wait_ms: self.wait_ms(AGAIN_MS)?, is_live: false })
                    }
                }
            }
            None => self.open().await,
        }
    }

    /// Opens the events; where they cannot be had, asks.
    async fn open(&mut self) -> Result<OrderNews, OrderingError> {
        let service = self.service.clone();
        let (core, member) = (&service.core, service.member()?);
        let last_id = self.heard.map(|version| version.to_string());
        match core.client.events_authorized(core.tokens.as_ref(), paths::ORDER_EVENTS, last_id.as_deref()).await {
            Ok(stream) => {
                (self.stream, self.reader) = (Some(stream), EventReader::default());
                return Ok(OrderNews { changed: false, wait_ms: 0, is_live: true });
            }
            Err(error) => tracing::debug!("orders are asked for instead: {error}"),
        }
        match service.refresh_orders().await {
            Ok(changed) => {
                self.failures = 0;
                let is_any = core.ordering.mirrored(&member)?.iter().any(|kept| !kept.view.state.is_final());
                Ok(OrderNews { changed, wait_ms: self.wait_ms(if is_any { POLL_MS } else { IDLE_POLL_MS })?, is_live: false })
            }
            Err(OrderingError::Call { .. } | OrderingError::Refused { .. }) => {
                self.failures = self.failures.saturating_add(1);
                Ok(OrderNews { changed: false, wait_ms: self.wait_ms(POLL_MS)?, is_live: false })
            }
            Err(error) => Err(error),
        }
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
        f.debug_struct("OrderFeed").field("is_live", &self.stream.is_some()).field("failures", &self.failures).finish_non_exhaustive()
    }
}

//! What the backend is started with. Everything that is not the same on every run (time, randomness, place) comes in here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use noren_rules::holds::HoldPolicy;
use noren_rules::ids::{DeviceId, StoreId, TillId};
use noren_rules::stock::ChanceModel;
use noren_rules::wire::OrderPush;

use crate::payments::PaymentProvider;
use crate::{DEMO_OPERATOR_TOKEN, DEMO_STORE_ID, DEMO_TILL_ID, DEMO_TILL_TOKEN};

/// The clock: milliseconds since the Unix epoch, UTC. It may stand still or jump forward; it must not run backward.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The source of random bytes: fills the whole slice or says why not. Outside tests it must be cryptographically strong.
pub type Entropy = Arc<dyn Fn(&mut [u8]) -> std::io::Result<()> + Send + Sync>;

/// Is told of each change of an order, after its commit, for each device of its member: to send a push message. It must not wait.
pub type OrderPushed = Arc<dyn Fn(&DeviceId, &OrderPush) + Send + Sync>;

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The disk (`synchronous=FULL`): an answer that was sent survives a power cut. The default where there is a data directory.
    Full,
    /// Nothing (`synchronous=OFF`): for tests and for the temporary store, which does not outlive the process anyway.
    None,
}

/// The till that exists from the first start, for demonstrations and tests.
#[derive(Clone)]
pub struct DemoTill {
    /// The till.
    pub till_id: TillId,
    /// Where it stands.
    pub store_id: StoreId,
    /// What it sends as `Authorization: Bearer`. At least 8 visible ASCII characters.
    pub token: String,
}

impl Default for DemoTill {
    fn default() -> Self {
        Self { till_id: DEMO_TILL_ID.into(), store_id: DEMO_STORE_ID.into(), token: DEMO_TILL_TOKEN.to_owned() }
    }
}

impl fmt::Debug for DemoTill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DemoTill").field("till_id", &self.till_id).field("store_id", &self.store_id).finish_non_exhaustive()
    }
}

/// A till's part of each budget. What it does not spend comes back 8 days later, so that large parts leave little for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TillShare {
    /// Redemptions of an offer whose budget counts them, and of one without a budget.
    pub redemptions: u64,
    /// Minor units of an offer whose budget counts discounts.
    pub discount_minor: u64,
}

impl Default for TillShare {
    fn default() -> Self {
        Self { redemptions: 20, discount_minor: 10_000 }
    }
}

/// How to start the backend. `Settings::default()` is a private temporary store on a free port of loopback.
#[derive(Clone)]
pub struct Settings {
    /// Directory of database and key file; made if it does not exist. `None`: a private temporary one that goes with the backend.
    pub data: Option<PathBuf>,
    /// Address to listen on. Other than loopback only without demo PINs and without the well-known demo token.
    pub host: IpAddr,
    /// Port; 0 for any free one.
    pub port: u16,
    /// The clock.
    pub clock: Clock,
    /// The source of randomness.
    pub entropy: Entropy,
    /// The demo till; `None` for a server whose tills are all registered by the operator.
    pub till: Option<DemoTill>,
    /// Token of the operator's own systems, at least 8 visible ASCII characters. `None`: [`crate::DEMO_OPERATOR_TOKEN`] on loopback, and elsewhere none.
    pub operator_token: Option<String>,
    /// How much of an offer's budget a till gets for a day without a connection.
    pub till_share: TillShare,
    /// Minor units that earn one point; the rest is rounded down. Must be above zero.
    pub minor_per_point: i64,
    /// How the chance that something is still there is computed, as the operator has fitted it. Phones get it with the stock.
    pub chance: ChanceModel,
    /// How long stores hold, and for whom.
    pub holds: HoldPolicy,
    /// Days in which a receipt of a sale without the card can be claimed, from its arrival.
    pub claim_days: u32,
    /// Days after a scan in a store in which a purchase in the online shop is credited to that store.
    pub credit_days: u32,
    /// Who takes the money of orders; `None`: a sandbox with a file of its own in the data directory.
    pub payments: Option<Arc<dyn PaymentProvider>>,
    /// Sends push messages about orders.
    pub push: Option<OrderPushed>,
    /// How often it is looked for what time alone does to orders, and for calls to the payment provider that are to be made again. `None`: only
    /// [`crate::Backend::settle`] does that, so that a test decides when.
    pub order_tick: Option<Duration>,
    /// What a commit waits for; `None` chooses by `data`.
    pub durability: Option<Durability>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: None,
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            clock: Arc::new(system_clock),
            entropy: Arc::new(|bytes| getrandom::fill(bytes).map_err(std::io::Error::other)),
            till: Some(DemoTill::default()),
            operator_token: None,
            till_share: TillShare::default(),
            minor_per_point: 100,
            chance: ChanceModel::default(),
            holds: HoldPolicy::default(),
            claim_days: 30,
            credit_days: 7,
            payments: None,
            push: None,
            order_tick: Some(Duration::from_secs(1)),
            durability: None,
        }
    }
}

impl Settings {
    pub(crate) fn durability(&self) -> Durability {
        self.durability.unwrap_or(if self.data.is_some() { Durability::Full } else { Durability::None })
    }

    /// The operator's token: on loopback the demo's, where no other is set.
    pub(crate) fn operator_token(&self) -> Option<&str> {
        self.operator_token.as_deref().or_else(|| self.is_loopback().then_some(DEMO_OPERATOR_TOKEN))
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.host.is_loopback()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("data", &self.data)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("till", &self.till)
            .field("till_share", &self.till_share)
            .field("minor_per_point", &self.minor_per_point)
            .field("chance", &self.chance)
            .field("holds", &self.holds)
            .field("claim_days", &self.claim_days)
            .field("credit_days", &self.credit_days)
            .field("order_tick", &self.order_tick)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

fn system_clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

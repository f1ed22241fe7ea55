//! Changes of orders as they happen: server-sent events to phones that listen, a push to those that do not.
//!
//! What is told is read from the database after the commit, in the order of versions: nothing is told that does not hold, and nothing is left out.
//! A listener reads its own orders after the version that it has, so that what changes between its GET and its stream is told, too.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use noren_rules::ids::{DeviceId, MemberId};
use rusqlite::Connection;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::{SHOWN_MS, table, view};
use crate::app::{App, lock};
use crate::fault::{Fault, Refusal};
use crate::http::{Answer, Call};
use crate::{devices, members};

const LAST_EVENT_ID: &str = "last-event-id";
/// A comment so often, so that a phone notices a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Changes that are read at once.
const AT_ONCE: u32 = 100;
/// Changes that a slow listener may be behind in memory; beyond, it reads them.
const WAITING: usize = 256;

/// Streams of one device: beyond, the oldest one ends. A phone that comes again has not always noticed that the last one is dead.
const MOST_STREAMS: u64 = 8;

/// Who is told, and what was told already.
pub(crate) struct Told {
    /// Whose orders have changed; `None`: anyone's.
    changed: broadcast::Sender<Option<MemberId>>,
    /// Commits of which was asked that they be told.
    asked: AtomicU64,
    so_far: tokio::sync::Mutex<SoFar>,
    /// Devices that listen, with the number of the newest stream of each.
    streams: Mutex<BTreeMap<DeviceId, watch::Sender<u64>>>,
}

/// What was told.
#[derive(Default)]
struct SoFar {
    /// Of the commits.
    asked: u64,
    /// Up to this version; `None` while nobody is there to be told.
    version: Option<u64>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            changed: broadcast::Sender::new(WAITING),
            asked: AtomicU64::new(0),
            so_far: tokio::sync::Mutex::default(),
            streams: Mutex::default(),
        }
    }
}

/// At the start: what is in the database now was told, or is asked for by the phones.
pub(crate) async fn begin(app: &App) -> Result<(), Fault> {
    app.orders_told.so_far.lock().await.version = Some(app.store.read(table::newest_version).await?);
    Ok(())
}

/// The cards of a device's member may have become others: who listens for any of them looks again.
pub(crate) async fn linked(app: &App, device: &DeviceId) {
    let device = device.clone();
    let parts = app.store.read(move |db| members::parts(db, &devices::member_of(db, &device)?)).await;
    for part in parts.unwrap_or_default() {
        // Nobody may listen.
        let _ = app.orders_told.changed.send(Some(part));
    }
}

/// Tells what was committed since the last time.
pub(crate) async fn publish(app: &App) -> Result<(), Fault> {
    let told = &app.orders_told;
    let asked = told.asked.fetch_add(1, Ordering::SeqCst).saturating_add(1);
    let mut so_far = told.so_far.lock().await;
    // Those that waited together are told together: whoever comes first reads for all.
    if so_far.asked >= asked {
        return Ok(());
    }
    let asked = told.asked.load(Ordering::SeqCst);
    tell(app, &mut so_far.version).await?;
    so_far.asked = asked;
    Ok(())
}

async fn tell(app: &App, version: &mut Option<u64>) -> Result<(), Fault> {
    let (told, pushes) = (&app.orders_told, app.settings.push.is_some());
    if !pushes && told.changed.receiver_count() == 0 {
        // Whoever begins to listen after this reads what is there already.
        *version = None;
        return Ok(());
    }
    let Some(mut since) = *version else {
        *version = Some(app.store.read(table::newest_version).await?);
        let _ = told.changed.send(None);
        return Ok(());
    };
    loop {
        let changed = app.store.read(move |db| changes(db, since, pushes)).await?;
        let Some(newest) = changed.last() else { return Ok(()) };
        since = newest.version;
        *version = Some(since);
        for change in changed {
            if let Some(push) = &app.settings.push {
                change.devices.iter().for_each(|device| push(device, &change.push));
            }
            // Nobody may listen.
            let _ = told.changed.send(Some(change.member));
        }
    }
}

struct Change {
    member: MemberId,
    version: u64,
    push: noren_rules::wire::OrderPush,
    devices: Vec<DeviceId>,
}

fn changes(db: &Connection, since: u64, with_devices: bool) -> Result<Vec<Change>, Fault> {
    let mut all = Vec::new();
    for stored in table::any_changed_since(db, since, AT_ONCE)? {
        let (version, push) = (stored.version, view::push(&stored));
        // An erased member's order is told to nobody.
        let member = stored.member.unwrap_or_else(|| MemberId(String::new()));
        let mut devices = Vec::new();
        if with_devices && !member.as_str().is_empty() {
            for part in members::parts(db, &members::canonical(db, member.as_str())?)? {
                let active = devices::of_member(db, &part)?.into_iter().filter(|device| device.revoked_at_ms.is_none());
                devices.extend(active.map(|device| device.id));
            }
        }
        all.push(Change { member, version, push, devices });
    }
    Ok(all)
}

/// What a listener knows.
struct Listener {
    app: App,
    device: DeviceId,
    parts: Vec<MemberId>,
    version: u64,
    waiting: std::collections::VecDeque<Event>,
    changed: broadcast::Receiver<Option<MemberId>>,
    stopping: watch::Receiver<bool>,
    /// The place of this stream among those of the device, and that of the newest.
    stream: u64,
    newest: watch::Receiver<u64>,
    /// True while it may be behind what is in the database.
    behind: bool,
}

/// GET [`noren_rules::wire::paths::ORDER_EVENTS`].
pub(crate) async fn listen(call: Call) -> Answer {
    let device = call.app_caller().await?.device;
    let version = match call.header(LAST_EVENT_ID)?.unwrap_or_default() {
        "" => 0,
        text => text.parse().map_err(|_| Refusal::invalid("Last-Event-ID is the version of an order: send the last that came, or none"))?,
    };
    // Listening comes before the first look: what changes in between is seen twice rather than never.
    let changed = call.app.orders_told.changed.subscribe();
    let stopping = call.app.stopping.subscribe();
    let (stream, newest) = begin_stream(&call.app, &device);
    let listener = Listener {
        app: call.app,
        device,
        parts: Vec::new(),
        version,
        waiting: std::collections::VecDeque::new(),
        changed,
        stopping,
        stream,
        newest,
        behind: true,
    };
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("");
    Ok(Sse::new(events(listener)).keep_alive(keep_alive).into_response())
}

fn begin_stream(app: &App, device: &DeviceId) -> (u64, watch::Receiver<u64>) {
    let mut streams = lock(&app.orders_told.streams);
    let newest = streams.entry(device.clone()).or_insert_with(|| watch::Sender::new(0));
    newest.send_modify(|newest| *newest = newest.saturating_add(1));
    let stream = *newest.borrow();
    (stream, newest.subscribe())
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut streams = lock(&self.app.orders_told.streams);
        // Its own receiver is still there.
        if streams.get(&self.device).is_some_and(|newest| newest.receiver_count() <= 1) {
            streams.remove(&self.device);
        }
    }
}

fn events(listener: Listener) -> impl Stream<Item = Result<Event, Infallible>> {
    futures_util::stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    })
}

impl Listener {
    /// The next event; `None` ends the stream: the server stops, the device has newer streams or is gone, or the database failed. The phone comes again
    /// then.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if *self.stopping.borrow() || self.newest.borrow().saturating_sub(self.stream) >= MOST_STREAMS {
                return None;
            }
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.behind {
                self.look().await?;
                continue;
            }
            tokio::select! {
                heard = self.changed.recv() => match heard {
                    Ok(member) => self.behind = member.is_none_or(|member| self.parts.contains(&member)),
                    Err(RecvError::Lagged(_)) => self.behind = true,
                    Err(RecvError::Closed) => return None,
                },
                _ = self.stopping.changed() => return None,
                _ = self.newest.changed() => {}
            }
        }
    }

    async fn look(&mut self) -> Option<()> {
        let (device, known, version, now_ms) = (self.device.clone(), self.parts.clone(), self.version, self.app.now_ms());
        let read = self.app.store.read(move |db| {
            let parts = members::parts(db, &devices::member_of(db, &device)?)?;
            // With another card came orders that changed before.
            let version = if known.is_empty() || known == parts { version } else { 0 };
            let changed = table::changed_since(db, &parts, version, now_ms.saturating_sub(SHOWN_MS), AT_ONCE)?;
            Ok((parts, changed.iter().map(|stored| view::view(stored, now_ms)).collect::<Vec<_>>()))
        });
        let (parts, views) = read.await.ok()?;
        // A whole page: there may be more.
        self.behind = views.len() >= usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
        self.parts = parts;
        for view in views {
            self.version = view.version;
            self.waiting.push_back(Event::default().event("order").id(view.version.to_string()).json_data(&view).ok()?);
        }
        Some(())
    }
}

//! The verbs of the history.

use std::sync::{Arc, Mutex, PoisonError};

use noren_rules::ids::{MemberId, ReceiptId};
use noren_rules::receipt::Receipt;
use noren_rules::wire::{ClaimRequest, Reason, ReceiptPage, paths};
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::endpoints;
use super::ingest::{self, Titles};
use super::models::{HistoryPage, MonthTotal, SyncReport};
use super::rollup::Changes;
use super::tables::{summary, summary_sql};
use super::{PurchasesError, export, rollup, search};
use crate::app::{Core, LANE_CLAIMS};
use crate::member::{MemberService, Submission};
use crate::net::{AuthorizerError, CallError};
use crate::outbox::IntentState;
use crate::platform::Change;
use crate::replica::{self, Freshness};
use crate::storage::{Database, StorageError};

/// The history's collection in the replica.
pub const COLLECTION: &str = "receipts";
pub(crate) const KIND_CLAIM: &str = "claim";
/// A claim that finds no network in this time is given up: the code on the paper is over by then.
const CLAIM_LIVES_MS: i64 = 7 * 86_400_000;
/// The most receipts of one page or search.
const MOST: u32 = 1_000;
/// Times that one refresh begins again when the server loses the cursor.
const STARTS: u32 = 2;
/// Receipts that a search may look at one by one: after a pull, and in the middle of one.
const FRESH: u32 = 200;
const FRESH_WHILE_PULLING: u32 = 8_000;

/// The history's tables: reading, and taking pages in. Synchronous; needs no network and no member, so that benches and tests can drive it.
#[derive(Clone, Debug)]
pub struct HistoryStore {
    database: Arc<Database>,
    /// How fresh it was, and after how many commits.
    known: Arc<Mutex<Option<(u64, Freshness)>>>,
}

impl HistoryStore {
    /// A store over the cache's file ([`super::CACHE_DB`]), which is opened at first use.
    #[must_use]
    pub fn new(database: Arc<Database>) -> Self {
        Self { database, known: Arc::default() }
    }

    /// Takes a page in: rows, index, totals and cursor in one transaction. The last page of a pull that had to start again removes what
    /// the server no longer has.
    ///
    /// # Errors
    /// `BadReceipt` or `Storage`; nothing of the page was taken in then.
    pub fn take_in(&self, page: &ReceiptPage, report: &mut SyncReport) -> Result<(), PurchasesError> {
        if let Some(detail) = page.receipts.iter().find_map(ingest::objection) {
            return Err(PurchasesError::BadReceipt { detail: detail.into() });
        }
        let mut counted = report.clone();
        self.database.write(|tx| {
            let generation = generation(tx)?;
            let (mut titles, mut totals) = (Titles::default(), Changes::default());
            for receipt in &page.receipts {
                ingest::take_in(tx, &mut titles, &mut totals, receipt, generation, &mut counted)?;
            }
            if !page.has_more && generation > 0 {
                counted.removed_receipts = counted.removed_receipts.saturating_add(ingest::remove_older(tx, &mut totals, generation)?);
            }
            totals.write(tx)?;
            ingest::post_fresh(tx, if page.has_more { FRESH_WHILE_PULLING } else { FRESH })?;
            replica::advance(tx, COLLECTION, &page.next_cursor, page.has_more, page.as_of_ms)
        })?;
        counted.pages = counted.pages.saturating_add(1);
        *report = counted;
        Ok(())
    }

    /// A page of the timeline, newest first, of receipts older than `before` (`next` of the page before). One query.
    ///
    /// # Errors
    /// A storage error.
    pub fn page(&self, before: Option<i64>, limit: u32) -> Result<HistoryPage, StorageError> {
        let limit = limit.clamp(1, MOST);
        self.database.read(|c| {
            // First how fresh, then the rows: rows may be newer than what is said of them, never older.
            let freshness = self.freshness_now(c)?;
            let mut statement = c.prepare_cached(summary_sql!("pos < ?1 ORDER BY pos DESC LIMIT ?2"))?;
            let mut rows = statement.query((before.unwrap_or(i64::MAX), limit))?;
            let mut receipts = Vec::with_capacity(usize::try_from(limit).unwrap_or_default());
            while let Some(row) = rows.next()? {
                receipts.push(summary(row)?);
            }
            Ok(page_of(receipts, limit, freshness))
        })
    }

    /// The newest receipts with a line whose description holds `text`, both folded (see [`noren_rules::fold`]); an empty text finds all.
    ///
    /// # Errors
    /// A storage error.
    pub fn search(&self, text: &str, before: Option<i64>, limit: u32) -> Result<HistoryPage, StorageError> {
        let limit = limit.clamp(1, MOST);
        let found = self.database.read(|c| {
            let freshness = self.freshness_now(c)?;
            let found = search::search(c, text, before.unwrap_or(i64::MAX), usize::try_from(limit).unwrap_or_default())?;
            Ok(found.map(|receipts| page_of(receipts, limit, freshness)))
        })?;
        found.map_or_else(|| self.page(before, limit), Ok)
    }

    /// A whole receipt.
    ///
    /// # Errors
    /// A storage error.
    pub fn receipt(&self, id: &ReceiptId) -> Result<Option<Receipt>, StorageError> {
        self.database.read(|c| Ok(ingest::by_id(c, id.as_str())?.map(|(_, receipt)| receipt)))
    }

    /// Totals per month, newest first.
    ///
    /// # Errors
    /// A storage error.
    pub fn month_totals(&self) -> Result<Vec<MonthTotal>, StorageError> {
        self.database.read(|c| rollup::totals(c, None))
    }

    /// Totals of one month (`YYYY-MM`), by currency and channel.
    ///
    /// # Errors
    /// A storage error.
    pub fn month(&self, month: &str) -> Result<Vec<MonthTotal>, StorageError> {
        self.database.read(|c| rollup::totals(c, Some(month)))
    }

    /// How many receipts there are.
    ///
    /// # Errors
    /// A storage error.
    pub fn count(&self) -> Result<u64, StorageError> {
        self.database.read(|c| Ok(c.query_row("SELECT count(*) FROM receipts", [], |row| row.get::<_, i64>(0))?.unsigned_abs()))
    }

    /// How fresh and how whole the history is.
    ///
    /// # Errors
    /// A storage error.
    pub fn freshness(&self) -> Result<Freshness, StorageError> {
        self.database.read(|c| self.freshness_now(c))
    }

    fn freshness_now(&self, connection: &Connection) -> Result<Freshness, StorageError> {
        let commits = self.database.commits();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, freshness)) = known.as_ref().filter(|(after, _)| *after == commits) {
            return Ok(freshness.clone());
        }
        let freshness = replica::freshness(connection, COLLECTION)?;
        *known = Some((commits, freshness.clone()));
        Ok(freshness)
    }

    /// The server has lost the cursor: the next pull begins at the beginning. What is there stays, and is incomplete until then.
    ///
    /// # Errors
    /// A storage error.
    pub fn start_again(&self) -> Result<(), StorageError> {
        self.database.write(|tx| replica::start_again(tx, COLLECTION))
    }

    /// Makes sure that the history is this member's: another's is dropped.
    ///
    /// # Errors
    /// A storage error.
    pub(crate) fn belongs_to(&self, member: &MemberId) -> Result<bool, StorageError> {
        let owner: Option<String> = self
            .database
            .read(|c| Ok(c.query_row("SELECT value FROM history WHERE name = 'owner'", [], |row| row.get(0)).optional()?))?;
        if owner.as_deref() == Some(member.as_str()) {
            return Ok(false);
        }
        self.database.write(|tx| {
            if owner.is_some() {
                tx.execute_batch(
                    "DELETE FROM receipts; DELETE FROM lines; DELETE FROM postings; DELETE FROM fresh; DELETE FROM months; DELETE FROM titles; DELETE FROM collections;
                     DELETE FROM receipt_coupons;
                     INSERT INTO title_grams(title_grams) VALUES('delete-all');",
                )?;
            }
            tx.execute("INSERT OR REPLACE INTO history VALUES ('owner', ?1)", [member.as_str()])?;
            Ok(owner.is_some())
        })
    }

    fn export_json(&self) -> Result<String, StorageError> {
        self.database.read(|c| export::json(c, &replica::freshness(c, COLLECTION)?))
    }

    fn export_csv(&self) -> Result<String, StorageError> {
        self.database.read(export::csv)
    }
}

/// Purchase history. Cheap to clone; from `noren.purchases()`.
#[derive(Clone, Debug)]
pub struct PurchasesService {
    core: Arc<Core>,
}

impl PurchasesService {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Pulls what is new or changed, page by page, each taken in whole. Stopping or dropping it in the middle loses nothing: the next one
    /// goes on from the last page, and until it has come to its end the history says that it is incomplete.
    ///
    /// # Errors
    /// `NotEnrolled`, `Call`, `BadReceipt`, `Platform`, `Storage`. The pages before stay taken in.
    pub async fn refresh(&self) -> Result<SyncReport, PurchasesError> {
        let core = &self.core;
        let card = core.card.get().ok_or(PurchasesError::NotEnrolled)?;
        // One pull at a time: two would take the same pages in twice, at twice the price.
        let _pulling = core.pulling.lock().await;
        core.history.belongs_to(&card.member_id)?;
        core.collections.attempt(COLLECTION, core.clock.now().now_ms)?;
        let mut report = SyncReport::default();
        let pulled = self.pull(&mut report).await;
        if report.new_receipts + report.changed_receipts + report.removed_receipts > 0 {
            core.observers.tell(Change::Purchases);
        }
        if let Err(error) = pulled {
            core.collections.failed(COLLECTION, &error.to_string())?;
            return Err(error);
        }
        // A contact: the moment for what is due at any contact. Its failure is not the history's.
        let member = MemberService::new(core.clone());
        if let Err(error) = member.keep_clock() {
            tracing::info!("the clock's anchor is kept later: {error}");
        }
        if let Err(error) = member.renew_if_due().await {
            tracing::info!("the credential is renewed later: {error}");
        }
        Ok(report)
    }

    async fn pull(&self, report: &mut SyncReport) -> Result<(), PurchasesError> {
        let core = &self.core;
        let mut starts = 0;
        loop {
            let cursor = core.collections.pull(COLLECTION)?.cursor;
            let page = match endpoints::receipts(&core.client, core.tokens.as_ref(), cursor.as_deref()).await {
                Ok(page) => page,
                Err(AuthorizerError::Call(CallError::Refused { code: Reason::CursorUnknown, .. })) if starts < STARTS => {
                    starts += 1;
                    report.started_again = true;
                    core.history.start_again()?;
                    continue;
                }
                Err(error) => {
                    core.note_device(&error)?;
                    return Err(error.into());
                }
            };
            let stuck = page.has_more && Some(page.next_cursor.as_str()) == cursor.as_deref();
            core.history.take_in(&page, report)?;
            if stuck {
                // A server that says "more" and does not move would keep the phone busy for ever.
                return Err(PurchasesError::BadReceipt { detail: "the cursor does not move".into() });
            }
            if !page.has_more {
                return Ok(());
            }
        }
    }

    /// A page of the timeline, newest first. Local, at once. `before` is `next` of the page before, `None` for the first; at most 1,000.
    ///
    /// # Errors
    /// `Storage`.
    pub fn page(&self, before: Option<i64>, limit: u32) -> Result<HistoryPage, PurchasesError> {
        Ok(self.core.history.page(before, limit)?)
    }

    /// The newest receipts with a line whose description holds `text`: one character is enough; width, case and kana do not matter.
    /// Local, at once.
    ///
    /// # Errors
    /// `Storage`.
    pub fn search(&self, text: &str, limit: u32) -> Result<HistoryPage, PurchasesError> {
        Ok(self.core.history.search(text, None, limit)?)
    }

    /// As [`PurchasesService::search`], older than `before` (`next` of the page before).
    ///
    /// # Errors
    /// `Storage`.
    pub fn search_before(&self, text: &str, before: Option<i64>, limit: u32) -> Result<HistoryPage, PurchasesError> {
        Ok(self.core.history.search(text, before, limit)?)
    }

    /// A whole receipt with its lines. Local, at once.
    ///
    /// # Errors
    /// `NoSuchReceipt`, `Storage`.
    pub fn receipt(&self, id: &ReceiptId) -> Result<Receipt, PurchasesError> {
        self.core.history.receipt(id)?.ok_or(PurchasesError::NoSuchReceipt)
    }

    /// Totals per month, currency and channel, newest month first. Local, at once.
    ///
    /// # Errors
    /// `Storage`.
    pub fn month_totals(&self) -> Result<Vec<MonthTotal>, PurchasesError> {
        Ok(self.core.history.month_totals()?)
    }

    /// Totals of one month (`YYYY-MM`, by the store's own day), by currency and channel. Local, at once.
    ///
    /// # Errors
    /// `Storage`.
    pub fn month(&self, month: &str) -> Result<Vec<MonthTotal>, PurchasesError> {
        Ok(self.core.history.month(month)?)
    }

    /// How fresh and how whole the history is.
    ///
    /// # Errors
    /// `Storage`.
    pub fn freshness(&self) -> Result<Freshness, PurchasesError> {
        Ok(self.core.history.freshness()?)
    }

    /// Claims the receipt of a sale made without the card, by the code printed on it. It comes with the next refresh, and counts once.
    ///
    /// # Errors
    /// `ClaimRefused`, `Refused`, `NotEnrolled`, `Storage`. Without a network it waits in the outbox: [`Submission::Waiting`].
    pub async fn claim(&self, code: &str) -> Result<Submission, PurchasesError> {
        let core = &self.core;
        core.card.get().ok_or(PurchasesError::NotEnrolled)?;
        let body = serde_json::to_string(&ClaimRequest { claim_code: code.trim().to_owned() })
            .map_err(|_| StorageError::other("the request has no JSON form"))?;
        let key = core.enqueue(LANE_CLAIMS, KIND_CLAIM, paths::CLAIMS, body, Some(CLAIM_LIVES_MS), Some(code.trim()))?;
        core.outbox.send_lane_due(LANE_CLAIMS).await?;
        let Some(view) = core.outbox.intent(&key)? else { return Ok(Submission::Done) };
        let refused = match (view.state, view.reason) {
            (IntentState::Done, _) => return Ok(Submission::Done),
            (IntentState::Wedged, Some(Reason::ClaimRefused | Reason::NotFound)) => PurchasesError::ClaimRefused,
            (IntentState::Wedged | IntentState::Expired, reason) => {
                PurchasesError::Refused { code: reason.unwrap_or(Reason::Other), detail: view.detail.unwrap_or_default() }
            }
            _ => return Ok(Submission::Waiting { key }),
        };
        core.outbox.dismiss(&key)?;
        Err(refused)
    }

    /// Everything on the device about purchases, as one JSON document for the person to keep.
    ///
    /// # Errors
    /// `Storage`.
    pub fn export_json(&self) -> Result<String, PurchasesError> {
        Ok(self.core.history.export_json()?)
    }

    /// The same as a table, one row a line, for a spreadsheet.
    ///
    /// # Errors
    /// `Storage`.
    pub fn export_csv(&self) -> Result<String, PurchasesError> {
        Ok(self.core.history.export_csv()?)
    }
}

fn generation(tx: &Transaction<'_>) -> Result<i64, StorageError> {
    let found = tx.prepare_cached("SELECT generation FROM collections WHERE name = ?1")?.query_row([COLLECTION], |row| row.get(0));
    Ok(found.optional()?.unwrap_or(0))
}

fn page_of(receipts: Vec<super::ReceiptSummary>, limit: u32, freshness: Freshness) -> HistoryPage {
    let full = receipts.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let next = if full { receipts.last().map(|receipt| receipt.pos) } else { None };
    HistoryPage { receipts, next, freshness }
}

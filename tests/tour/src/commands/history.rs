//! `noren sync`, `noren history`, `noren export`: the receipts of a phone.

use std::path::PathBuf;

use noren_core::purchases::{HistoryPage, MonthTotal};
use serde::Serialize;

use crate::output::{self, Failure};
use crate::phone;

/// Pull what is new: membership and receipts. Sends first what waits in the outbox.
///
/// Prints {"receipts":N,"changed":N,"complete":…,"as_of_ms":…}: what was new, what had changed, and whether anything is missing.
#[derive(Debug, clap::Args)]
pub(crate) struct Sync {
    /// The phone's files.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
}

#[derive(Serialize)]
struct Synced {
    receipts: u32,
    changed: u32,
    complete: bool,
    as_of_ms: Option<i64>,
}

pub(crate) async fn sync(args: &Sync) -> Result<(), Failure> {
    let noren = phone::open(&args.home)?;
    noren.outbox().send_due().await.map_err(Failure::failed)?;
    noren.member().renew_if_due().await.map_err(Failure::failed)?;
    noren.member().refresh().await.map_err(Failure::failed)?;
    let report = noren.purchases().refresh().await.map_err(Failure::failed)?;
    let freshness = noren.purchases().freshness().map_err(Failure::failed)?;
    output::json(&Synced {
        receipts: report.new_receipts,
        changed: report.changed_receipts,
        complete: freshness.complete,
        as_of_ms: freshness.as_of_ms,
    })
}

/// Print receipts, newest first, or totals, with no network.
///
/// A receipt is one JSON line; a return is one of its own. With --totals one line a month and currency.
#[derive(Debug, clap::Args)]
pub(crate) struct History {
    /// The phone's files.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// Only receipts with a line whose description contains TEXT; wide and narrow forms, hiragana and katakana, and cases are the same.
    #[arg(long, value_name = "TEXT", conflicts_with = "totals")]
    search: Option<String>,
    /// At most N receipts; all when it is not given.
    #[arg(long, value_name = "N", conflicts_with = "totals")]
    limit: Option<u32>,
    /// Totals per month instead of receipts.
    #[arg(long)]
    totals: bool,
}

/// Receipts read at a time.
const PAGE: u32 = 200;

pub(crate) fn history(args: &History) -> Result<(), Failure> {
    let noren = phone::open_offline(&args.home)?;
    let purchases = noren.purchases();
    if args.totals {
        return totals(purchases.month_totals().map_err(Failure::failed)?).iter().try_for_each(output::json);
    }
    let mut left = args.limit.unwrap_or(u32::MAX);
    let mut before = None;
    while left > 0 {
        let page: HistoryPage = match &args.search {
            Some(text) => purchases.search_before(text, before, left.min(PAGE)),
            None => purchases.page(before, left.min(PAGE)),
        }
        .map_err(Failure::failed)?;
        if before.is_none() && !page.freshness.complete {
            output::say("noren: not everything is here yet; `noren sync` pulls the rest");
        }
        for summary in &page.receipts {
            let receipt = purchases.receipt(&summary.id).map_err(Failure::failed)?;
            output::json(&receipt)?;
            left -= 1;
        }
        match page.next {
            Some(next) => before = Some(next),
            None => break,
        }
    }
    Ok(())
}

/// A month in one currency, all channels together.
#[derive(Serialize)]
pub(crate) struct Total {
    pub(crate) month: String,
    pub(crate) currency: String,
    pub(crate) sales_minor: i64,
    pub(crate) returns_minor: i64,
    pub(crate) total_minor: i64,
    pub(crate) receipts: u32,
}

pub(crate) fn totals(by_channel: Vec<MonthTotal>) -> Vec<Total> {
    let mut totals: Vec<Total> = Vec::new();
    for part in by_channel {
        let at = totals.iter().position(|total| total.month == part.month && total.currency == part.currency);
        let Some(total) = at.and_then(|at| totals.get_mut(at)) else {
            totals.push(Total {
                month: part.month,
                currency: part.currency,
                sales_minor: part.sales_minor,
                returns_minor: part.returns_minor,
                total_minor: part.net_minor,
                receipts: part.sales_count + part.returns_count,
            });
            continue;
        };
        total.sales_minor += part.sales_minor;
        total.returns_minor += part.returns_minor;
        total.total_minor += part.net_minor;
        total.receipts += part.sales_count + part.returns_count;
    }
    totals
}

/// Print everything that is held of the member: on the phone, with no network, or at the backend.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The phone's files.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// json: one document; csv: one line a receipt line.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// phone: what is on it, with no network; backend: everything that the backend holds about the member, as JSON.
    #[arg(long, value_enum, default_value_t = From::Phone)]
    from: From,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum From {
    Phone,
    Backend,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Json,
    Csv,
}

pub(crate) async fn export(args: &Export) -> Result<(), Failure> {
    if let From::Backend = args.from {
        return output::json(&phone::open(&args.home)?.member().export().await.map_err(Failure::failed)?);
    }
    let noren = phone::open_offline(&args.home)?;
    let text = match args.format {
        Format::Json => noren.purchases().export_json(),
        Format::Csv => noren.purchases().export_csv(),
    };
    output::line(text.map_err(Failure::failed)?.trim_end())
}

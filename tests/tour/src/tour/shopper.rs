//! The shopper of the tour: a phone with a card and a history.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use noren_core::Noren;
use noren_core::member::{CardView, MemberState, Symbology};
use noren_core::purchases::HistoryPage;
use noren_rules::wire::{Link, LinkedIdentity};

use super::network::Network;
use super::shop::Shop;
use super::show::Found;
use super::target;
use crate::commands::history::{self, Total};
use crate::output::Failure;
use crate::phone;
use crate::till_client::Backend;

/// Pixels a module.
const PNG_SCALE: u32 = 8;

pub(super) struct Shopper {
    home: PathBuf,
    noren: Noren,
}

impl Shopper {
    pub(super) async fn enrol(folder: &Path, backend: &Backend, network: &Network) -> Result<Self, Failure> {
        let home = folder.join("phone");
        phone::set_up(&home, &backend.backend)?;
        let noren = phone::open_over(&home, network.transport())?;
        noren.member().enrol(None).await.map_err(Failure::failed)?;
        Ok(Self { home, noren })
    }

    pub(super) async fn link(&self, shop: &Shop) -> Result<(), Failure> {
        let plastic = Link::Number { number: shop.plastic_card().clone(), pin: noren_backend::DEMO_PIN.to_owned() };
        let ec = Link::Ec { code: shop.ec_code().await? };
        for link in [plastic, ec] {
            self.noren.member().link(link).await.map_err(Failure::failed)?;
        }
        Ok(())
    }

    pub(super) fn member(&self) -> Result<String, Failure> {
        match self.noren.member().state() {
            MemberState::Enrolled { member_id, .. } => Ok(member_id.to_string()),
            other => Err(not_enrolled(&other)),
        }
    }

    pub(super) fn points(&self) -> Result<i64, Failure> {
        match self.noren.member().state() {
            MemberState::Enrolled { points, .. } => Ok(points),
            other => Err(not_enrolled(&other)),
        }
    }

    pub(super) fn linked(&self) -> Result<String, Failure> {
        let name = |identity: &LinkedIdentity| match identity {
            LinkedIdentity::Number { number } => format!("plastic card {number}"),
            LinkedIdentity::Ec { account } => format!("online account {account}"),
        };
        match self.noren.member().state() {
            MemberState::Enrolled { linked, .. } => Ok(linked.iter().map(name).collect::<Vec<_>>().join(", ")),
            other => Err(not_enrolled(&other)),
        }
    }

    /// The card of an app that has just been started, and how long that took: what a shopper waits at the till.
    pub(super) fn card_from_a_cold_start(&self, network: &Network) -> Result<(CardView, Duration), Failure> {
        let start = Instant::now();
        let started = phone::open_over(&self.home, network.transport())?;
        let card = started.member().card(Symbology::Qr).map_err(Failure::failed)?;
        Ok((card, start.elapsed()))
    }

    /// Writes the QR alone, as PNG and SVG; answers where.
    pub(super) fn write_card(&self, card: &CardView) -> Result<[String; 2], Failure> {
        let png = card.png(PNG_SCALE).map_err(Failure::failed)?;
        Ok([target::write("card.png", &png)?, target::write("card.svg", card.svg().as_bytes())?])
    }

    pub(super) async fn pull(&self) -> Result<u32, Failure> {
        self.noren.member().refresh().await.map_err(Failure::failed)?;
        let report = self.noren.purchases().refresh().await.map_err(Failure::failed)?;
        Ok(report.new_receipts)
    }

    pub(super) fn newest(&self, limit: u32) -> Result<Found, Failure> {
        self.found(self.noren.purchases().page(None, limit).map_err(Failure::failed)?)
    }

    pub(super) fn search(&self, text: &str, limit: u32) -> Result<Found, Failure> {
        self.found(self.noren.purchases().search(text, limit).map_err(Failure::failed)?)
    }

    pub(super) fn totals(&self) -> Result<Vec<Total>, Failure> {
        self.noren.purchases().month_totals().map(history::totals).map_err(Failure::failed)
    }

    fn found(&self, page: HistoryPage) -> Result<Found, Failure> {
        let purchases = self.noren.purchases();
        let receipts =
            page.receipts.iter().map(|summary| purchases.receipt(&summary.id)).collect::<Result<_, _>>().map_err(Failure::failed)?;
        Ok(Found { receipts, more: page.next.is_some() })
    }
}

fn not_enrolled(state: &MemberState) -> Failure {
    Failure::failed(format!("the shopper is not enrolled: {state:?}"))
}

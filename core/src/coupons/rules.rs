//! The rules of coupons, opened: whoever signed them is one of the issuers that came with them.

use std::collections::{BTreeMap, BTreeSet};

use noren_rules::b64;
use noren_rules::conditions::Condition;
use noren_rules::keys::PublicKey;
use noren_rules::lists::IssuerKey;
use noren_rules::offers::{Offer, OfferId};
use noren_rules::wire::{IssuerKeyInfo, RouteInfo, StampProgramme};

use crate::places::KeptRules;

/// Offers, conditions and what else the areas bring.
#[derive(Debug, Default)]
pub(crate) struct OpenRules {
    /// Names this state of them.
    pub(crate) version: String,
    pub(crate) issuers: Vec<IssuerKey>,
    pub(crate) offers: BTreeMap<OfferId, Offer>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) killed: BTreeSet<OfferId>,
    pub(crate) routes: Vec<RouteInfo>,
    pub(crate) programmes: Vec<StampProgramme>,
}

impl OpenRules {
    /// Opens what opens; the rest is left out and spoils nothing. The moment is the server's when it gave them: a phone's clock, however it stands,
    /// makes no signature good or bad.
    pub(crate) fn open(kept: &KeptRules) -> Self {
        let rules = &kept.rules;
        let issuers: Vec<IssuerKey> = rules.issuers.iter().filter_map(issuer).collect();
        let at_s = kept.as_of_ms.div_euclid(1000);
        let offers =
            rules.offers.iter().filter_map(|text| b64::decode(text)).filter_map(|signed| Offer::open(&signed, &issuers, at_s).ok());
        let offers: BTreeMap<OfferId, Offer> = offers.map(|offer| (offer.id, offer)).collect();
        if offers.len() < rules.offers.len() {
            tracing::warn!("{} offers of the server are left out: they do not open", rules.offers.len() - offers.len());
        }
        let signed = rules.conditions.iter().filter_map(|text| b64::decode(text));
        let conditions = signed.filter_map(|signed| Condition::open(&signed, &issuers, at_s).ok()).collect();
        Self {
            version: rules.version.clone(),
            issuers,
            offers,
            conditions,
            killed: rules.killed.iter().copied().collect(),
            routes: rules.routes.clone(),
            programmes: rules.stamp_programmes.clone(),
        }
    }

    /// True when there is something that a till without a connection could take.
    pub(crate) fn has_offline_offers(&self) -> bool {
        self.offers.values().any(|offer| offer.offline && !self.killed.contains(&offer.id))
    }
}

fn issuer(info: &IssuerKeyInfo) -> Option<IssuerKey> {
    let key = PublicKey::from_base64url(&info.key).ok()?;
    Some(IssuerKey { key, not_before_s: info.not_before_s, not_after_s: info.not_after_s })
}

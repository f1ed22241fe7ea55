//! Stamp cards: the backend's stamps and those of check-ins that it has not heard of, without doubles.

use std::collections::{BTreeMap, BTreeSet};

use noren_rules::ids::StampCardId;
use noren_rules::offers::Texts;
use noren_rules::stamps::{StampBook, rewards_due};
use noren_rules::wire::StampProgramme;

use super::{Facts, StampCardView, StampView};

/// Every stamp card that is known here or has stamps.
pub(super) fn cards(facts: &Facts) -> Vec<StampCardView> {
    let (mut heard, mut rewards) = (StampBook::default(), BTreeMap::new());
    for card in facts.wallet.iter().flat_map(|kept| &kept.wallet.stamp_cards) {
        heard.add_card(card);
        rewards.insert(card.card.clone(), card.rewards);
    }
    let programmes: BTreeMap<&StampCardId, &StampProgramme> =
        facts.rules.programmes.iter().map(|programme| (&programme.id, programme)).collect();
    let mut all = heard.clone();
    for note in facts.check_ins.iter().filter(|note| note.counts()) {
        for programme in programmes.values() {
            all.add(programme, &note.place, note.at_ms);
        }
    }
    let ids: BTreeSet<&StampCardId> = programmes.keys().copied().chain(rewards.keys()).collect();
    ids.into_iter().map(|id| card(id, programmes.get(id).copied(), &heard, &all, rewards.get(id).copied().unwrap_or(0))).collect()
}

fn card(id: &StampCardId, programme: Option<&StampProgramme>, heard: &StampBook, all: &StampBook, rewards: u32) -> StampCardView {
    let known = heard.stamps(id);
    let stamps: Vec<StampView> = all
        .stamps(id)
        .into_iter()
        .map(|stamp| StampView { waiting: !known.contains(&stamp), place: stamp.place, day: stamp.day })
        .collect();
    let title = programme.map(|programme| Texts(programme.title.clone())).unwrap_or_default();
    let goal = programme.map_or(0, |programme| programme.goal);
    StampCardView {
        card: id.clone(),
        title_ja: title.get("ja").to_owned(),
        title_en: title.get("en").to_owned(),
        full_cards: rewards_due(stamps.len(), goal),
        stamps,
        goal,
        rewards,
    }
}

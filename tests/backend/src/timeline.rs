//! What a member did, in one line: purchases of every channel, check-ins, reactions, holds, reviews, favourites.

use noren_rules::wire::{MemberExport, TimelineEntry, TimelineKind};

/// The line of everything that an export holds, oldest first; what has the same moment by kind and name.
pub(crate) fn of(export: &MemberExport) -> Vec<TimelineEntry> {
    let entry = |at_ms, kind, id: &str, store: Option<&_>| TimelineEntry { at_ms, kind, id: id.to_owned(), store: store.cloned() };
    let receipts = export
        .receipts
        .iter()
        .map(|receipt| entry(receipt.sold_at_ms, TimelineKind::Receipt(receipt.channel), receipt.id.as_str(), Some(&receipt.store_id)));
    let check_ins = export.check_ins.iter().map(|visit| entry(visit.at_ms, TimelineKind::CheckIn, visit.id.as_str(), None));
    let reactions = export
        .reactions
        .iter()
        .map(|reaction| entry(reaction.at_ms, TimelineKind::Reaction(reaction.kind), reaction.sku.as_str(), Some(&reaction.store)));
    let holds = export.holds.iter().map(|hold| entry(hold.made_at_ms, TimelineKind::Hold, hold.id.as_str(), Some(&hold.store)));
    let reviews = export.reviews.iter().map(|written| entry(written.review.at_ms, TimelineKind::Review, written.product.as_str(), None));
    let favourites = export.favourites.iter().map(|liked| entry(liked.since_ms, TimelineKind::Favourite, liked.sku.as_str(), None));
    let mut line: Vec<TimelineEntry> = receipts.chain(check_ins).chain(reactions).chain(holds).chain(reviews).chain(favourites).collect();
    line.sort();
    line
}

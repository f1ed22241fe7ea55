//! What the card may show to a till, and noting it before it is shown.

use noren_rules::grants::GrantState;

use super::facts::KnownGrant;
use super::{Facts, Presentation};
use crate::app::Core;
use crate::storage::StorageError;

/// Notes what is about to be shown, durably, and hands it to the card. Whatever goes wrong, the card shows: without coupons then.
pub(super) fn begin(core: &Core) -> Presentation {
    match choose_and_note(core) {
        Ok(serials) => {
            core.maker.present(&serials);
            Presentation { serials, noted: true }
        }
        Err(error) => {
            tracing::warn!("the card shows without coupons: {error}");
            end(core);
            Presentation { serials: Vec::new(), noted: false }
        }
    }
}

/// The card shows no coupons from here on.
pub(super) fn end(core: &Core) {
    core.maker.present(&[]);
    core.coupons.end_presentation();
}

fn choose_and_note(core: &Core) -> Result<Vec<u64>, StorageError> {
    let Some(facts) = Facts::gather(core)? else { return Ok(Vec::new()) };
    let shown: Vec<(u64, GrantState, u32)> =
        facts.grants.iter().filter(|grant| may_show(&facts, grant)).map(|grant| (grant.serial, grant.state, grant.named)).collect();
    core.note_use()?;
    core.coupons.note_shown(&shown, core.clock.now().now_ms)?;
    Ok(shown.into_iter().map(|(serial, _, _)| serial).collect())
}

/// Leased, live, not shown before without a word on it, willing, and within its rules somewhere. One that only a till with a connection takes is
/// shown, too: such a till can learn of it in no other way.
fn may_show(facts: &Facts, grant: &KnownGrant) -> bool {
    let willing = !facts.held_back.contains(&grant.offer);
    let offer = facts.rules.offers.get(&grant.offer);
    grant.leased && grant.is_live() && !grant.unheard && willing && offer.is_some_and(|offer| facts.holds_somewhere(offer))
}

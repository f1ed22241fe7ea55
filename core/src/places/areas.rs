//! One pull of areas: places and rules of coupons together, in one request.

use noren_rules::places::Tile;

use super::tables::Taken;
use super::{AREAS_COLLECTION, AreaReport, PlacesError, endpoints};
use crate::app::Core;
use crate::platform::Change;

/// Everything within this is fetched, in metres: further than a day's walk, less than a drive to the next stop but one.
pub(crate) const TILES_WITHIN_M: f64 = 30_000.0;

/// Asks for what is newer of these tiles, and takes it in.
pub(crate) async fn pull_areas(core: &Core, tiles: &[Tile]) -> Result<AreaReport, PlacesError> {
    core.card.get().ok_or(PlacesError::NotEnrolled)?;
    // One pull at a time: two would ask for the same.
    let _pulling = core.pulling_areas.lock().await;
    let known = core.places.tiles()?;
    let kept = core.places.rules()?;
    // Rules that were asked for other tiles say nothing about these.
    let version = kept.as_ref().filter(|kept| kept.tiles == tiles).map(|kept| kept.rules.version.as_str());
    core.collections.attempt(AREAS_COLLECTION, core.clock.now().now_ms)?;
    let bundle = match endpoints::areas(&core.client, core.tokens.as_ref(), tiles, &known, version).await {
        Ok(bundle) => bundle,
        Err(error) => {
            core.note_device(&error)?;
            core.collections.failed(AREAS_COLLECTION, &error.to_string())?;
            return Err(error.into());
        }
    };
    let taken = Taken {
        asked: tiles,
        tiles: &bundle.tiles,
        rules: bundle.rules.as_ref(),
        as_of_ms: bundle.as_of_ms,
        now_ms: core.clock.now().now_ms,
    };
    let (places, rules) = core.places.take_in(&taken)?;
    if places {
        core.observers.tell(Change::Places);
    }
    if rules {
        core.observers.tell(Change::Coupons);
    }
    Ok(AreaReport { new_tiles: u32::try_from(bundle.tiles.len()).unwrap_or(u32::MAX), new_rules: rules })
}

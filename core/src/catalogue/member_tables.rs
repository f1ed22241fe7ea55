//! Reviews of what was opened, the ranking, and what the member likes.

use noren_rules::ids::{MemberId, ProductId};
use noren_rules::wire::{BackInStock, Favourites, Ranking, Review, ReviewPage};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::tables::{CatalogueStore, KeptProduct, one};
use super::{KIND_FAVOURITE, KIND_REACTIONS, KIND_REVIEW};
use crate::outbox::drop_kind;
use crate::storage::StorageError;
use crate::storage::seal::Place;

/// Reviews of this many products stay, those opened last.
const MOST_OPENED: u32 = 200;
/// This many reviews of one product stay.
const MOST_REVIEWS: usize = 200;

/// Reviews of a product as far as they were read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct KeptReviews {
    pub(super) reviews: Vec<Review>,
    pub(super) next: Option<String>,
    pub(super) ratings: u32,
    pub(super) stars: u32,
    pub(super) as_of_ms: i64,
}

/// What the server said last of what a member likes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptFavourites {
    /// Whose they are: another member's are not shown.
    pub(super) member: MemberId,
    pub(super) said: Favourites,
    /// Of what came back the app was told this.
    pub(super) told: Vec<BackInStock>,
}

fn favourites_place() -> Place<'static> {
    Place { table: "favourites", column: "sealed", row: "1" }
}

impl CatalogueStore {
    /// Takes a page of reviews in. The first page takes the place of all; one that follows on the last is put behind it, any other is left out.
    pub(super) fn take_reviews(
        &self,
        product: &ProductId,
        cursor: Option<&str>,
        page: ReviewPage,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let kept = match cursor {
            None => KeptReviews { reviews: page.reviews, ..KeptReviews::default() },
            Some(cursor) => {
                let mut kept = self.reviews(product)?.unwrap_or_default();
                if kept.next.as_deref() != Some(cursor) {
                    return Ok(());
                }
                // One that was written in between moved the others on.
                kept.reviews.retain(|known| page.reviews.iter().all(|review| review.id != known.id));
                kept.reviews.extend(page.reviews);
                kept
            }
        };
        let next = page.next.filter(|_| kept.reviews.len() < MOST_REVIEWS);
        let kept = KeptReviews { next, ratings: page.ratings, stars: page.stars, as_of_ms: page.as_of_ms, ..kept };
        let json = serde_json::to_string(&kept).map_err(|_| StorageError::other("reviews have no JSON form"))?;
        self.database.write(|tx| {
            tx.prepare_cached("INSERT OR REPLACE INTO product_reviews VALUES (?1, ?2, ?3)")?
                .execute(params![product.as_str(), json, now_ms])?;
            tx.prepare_cached(
                "DELETE FROM product_reviews WHERE product NOT IN (SELECT product FROM product_reviews ORDER BY opened_at_ms DESC LIMIT ?1)",
            )?
            .execute([MOST_OPENED])?;
            Ok(())
        })
    }

    pub(super) fn reviews(&self, product: &ProductId) -> Result<Option<KeptReviews>, StorageError> {
        self.database.read(|c| {
            let mut statement = c.prepare_cached("SELECT page FROM product_reviews WHERE product = ?1")?;
            let json: Option<String> = statement.query_row([product.as_str()], |row| row.get(0)).optional()?;
            json.map(|json| serde_json::from_str(&json)).transpose().map_err(|_| StorageError::Damaged { file: String::new() })
        })
    }

    /// Takes a ranking in the place of the last one; its products must be in already.
    pub(super) fn take_ranking(&self, ranking: &Ranking) -> Result<(), StorageError> {
        self.database.write(|tx| {
            tx.execute("DELETE FROM ranking", [])?;
            let mut insert = tx.prepare_cached("INSERT INTO ranking(product, rank, sold) VALUES (?1, ?2, ?3)")?;
            for ranked in &ranking.products {
                let sold = i64::try_from(ranked.sold).unwrap_or(i64::MAX);
                insert.execute(params![ranked.record.product.id.as_str(), ranked.rank, sold])?;
            }
            Ok(())
        })
    }

    /// Rank, pieces sold and product, the best first. A product that had to make room is left out.
    pub(super) fn ranking(&self) -> Result<Vec<(u32, u64, KeptProduct)>, StorageError> {
        self.database.read(|c| {
            let mut statement = c.prepare_cached("SELECT rank, sold, product FROM ranking ORDER BY position")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?)))?;
            let mut ranking = Vec::new();
            for row in rows {
                let (rank, sold, id) = row?;
                if let Some(product) = one(c, "id = ?1", [id])? {
                    ranking.push((rank, sold.unsigned_abs(), product));
                }
            }
            Ok(ranking)
        })
    }

    /// What this member likes. What does not open counts as nothing: it is pulled again.
    pub(super) fn favourites(&self, member: &MemberId) -> Result<Option<KeptFavourites>, StorageError> {
        let sealed: Option<Vec<u8>> =
            self.database.read(|c| Ok(c.prepare_cached("SELECT sealed FROM favourites")?.query_row([], |row| row.get(0)).optional()?))?;
        let opened = sealed.and_then(|sealed| self.sealer.open(favourites_place(), &sealed).ok());
        let kept = opened.and_then(|plain| serde_json::from_slice::<KeptFavourites>(&plain).ok());
        Ok(kept.filter(|kept| kept.member == *member))
    }

    pub(super) fn save_favourites(&self, kept: &KeptFavourites) -> Result<(), StorageError> {
        let plain = serde_json::to_vec(kept).map_err(|_| StorageError::other("favourites have no JSON form"))?;
        let sealed = self.sealer.seal(favourites_place(), &plain)?;
        self.database.write(|tx| Ok(tx.execute("INSERT OR REPLACE INTO favourites VALUES (1, ?1)", [sealed]).map(drop)?))
    }

    /// Takes the server's word on favourites in, unless a newer one is there. True when something in it is different.
    pub(super) fn take_favourites(&self, member: &MemberId, said: Favourites) -> Result<bool, StorageError> {
        let known = self.favourites(member)?;
        if known.as_ref().is_some_and(|known| known.said.as_of_ms > said.as_of_ms) {
            return Ok(false);
        }
        let same = |known: &KeptFavourites| Favourites { as_of_ms: said.as_of_ms, ..known.said.clone() } == said;
        let changed = !known.as_ref().is_some_and(same);
        let told = known.map(|known| known.told).unwrap_or_default();
        self.save_favourites(&KeptFavourites { member: member.clone(), said, told })?;
        Ok(changed)
    }

    /// Another member has this phone now: what the one before liked, wrote and did goes. The catalogue stays, it is nobody's.
    pub(crate) fn drop_member(&self) -> Result<(), StorageError> {
        self.forget();
        self.outbox_db.write(|tx| [KIND_FAVOURITE, KIND_REVIEW, KIND_REACTIONS].iter().try_for_each(|kind| drop_kind(tx, kind)))?;
        self.database.write(|tx| Ok(tx.execute_batch("DELETE FROM favourites; DELETE FROM collections WHERE name = 'favourites';")?))
    }
}

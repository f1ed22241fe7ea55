//! What members like, and notes that it is back.

use noren_rules::ids::StoreId;
use noren_rules::wire::*;

use crate::goods::*;
use crate::support::*;

pub fn liked(sku: &str, watch: &[&str]) -> FavouriteRequest {
    FavouriteRequest { sku: sku.into(), wanted: true, watch: watch.iter().map(|store| (*store).into()).collect() }
}

fn forgotten(sku: &str) -> FavouriteRequest {
    FavouriteRequest { wanted: false, ..liked(sku, &[]) }
}

impl World {
    pub async fn like(&self, phone: &Phone, request: &FavouriteRequest) -> Got {
        self.post(paths::FAVOURITES, Some(&phone.token), &self.fresh_key(), request).await
    }

    pub async fn favourites(&self, phone: &Phone) -> Favourites {
        self.get(paths::FAVOURITES, Some(&phone.token)).await.ok()
    }
}

fn skus(favourites: &Favourites) -> Vec<&str> {
    favourites.favourites.iter().map(|favourite| favourite.sku.as_str()).collect()
}

#[tokio::test]
async fn favourites_are_kept_newest_first_and_an_etag_saves_the_answer() {
    let world = world().await;
    let phone = world.phone(1, None).await;
    world.products(vec![product("shirt", &["s1", "s2"])]).await;
    world.like(&phone, &liked("s1", &["shibuya", "ginza", "shibuya"])).await.ok::<Favourites>();
    world.pass(MINUTE);
    let both: Favourites = world.like(&phone, &liked("s2", &[])).await.ok();
    assert_eq!(skus(&both), ["s2", "s1"]);
    assert_eq!(both.favourites[1].watch, [StoreId::from("ginza"), "shibuya".into()]);
    let first = world.get(paths::FAVOURITES, Some(&phone.token)).await;
    let etag = first.header("etag").unwrap().to_owned();
    world.pass(MINUTE);
    let request = world.http.get(format!("{}{}", world.url, paths::FAVOURITES)).bearer_auth(&phone.token).header("if-none-match", &etag);
    assert_eq!(request.send().await.unwrap().status(), 304);
    // Liked again it keeps its time, and watches what it is told now.
    let again: Favourites = world.like(&phone, &liked("s1", &["ueno"])).await.ok();
    assert_eq!((again.favourites[1].since_ms, again.favourites[1].watch.as_slice()), (T0, [StoreId::from("ueno")].as_slice()));
    let request = world.http.get(format!("{}{}", world.url, paths::FAVOURITES)).bearer_auth(&phone.token).header("if-none-match", &etag);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(skus(&world.like(&phone, &forgotten("s2")).await.ok()), ["s1"]);
    assert_eq!(skus(&world.like(&phone, &forgotten("never liked")).await.ok()), ["s1"]);
    // A product that is forgotten takes no favourite with it; a new one needs a product.
    world.try_products(vec![], &["shirt"]).await.ok::<Kept>();
    assert_eq!(skus(&world.like(&phone, &liked("s1", &[])).await.ok()), ["s1"]);
    assert_eq!(world.like(&phone, &liked("s2", &[])).await.refused(404), Reason::NotFound);
    let many: Vec<String> = (0..51).map(|at| at.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for watch in [many.as_slice(), &[""], &["x".repeat(101).as_str()]] {
        assert_eq!(world.like(&phone, &liked("s1", watch)).await.refused(400), Reason::InvalidRequest);
    }
    world.stop().await;
}

#[tokio::test]
async fn what_is_watched_and_comes_back_is_noted_there_and_nowhere_else() {
    let world = world().await;
    let (phone, other) = (world.phone(1, None).await, world.phone(2, None).await);
    world.products(vec![product("shirt", &["s1", "s2"])]).await;
    world.like(&phone, &liked("s1", &["ginza"])).await.ok::<Favourites>();
    world.like(&phone, &liked("s2", &[])).await.ok::<Favourites>();
    world.like(&other, &liked("s1", &["ueno"])).await.ok::<Favourites>();
    let notes = async |phone: &Phone| -> Vec<(String, String, i64)> {
        let notes = world.favourites(phone).await.back_in_stock;
        notes.into_iter().map(|note| (note.sku.0, note.store.0, note.at_ms)).collect()
    };
    world.counted(&["ginza"], &["s1", "s2"], 0).await;
    assert_eq!(notes(&phone).await, [], "still out");
    world.pass(MINUTE);
    let back_at = world.now();
    world.counted(&["ginza"], &["s1", "s2"], 3).await;
    let note = [("s1".to_owned(), "ginza".to_owned(), back_at)];
    assert_eq!((notes(&phone).await.as_slice(), notes(&other).await), (note.as_slice(), vec![]));
    world.pass(MINUTE);
    world.counted(&["ginza"], &["s1"], 2).await;
    assert_eq!(notes(&phone).await, note, "it was there already");
    // The note stays while its store is watched, and for 30 days.
    world.like(&phone, &liked("s1", &["ginza", "ueno"])).await.ok::<Favourites>();
    assert_eq!(notes(&phone).await, note);
    world.pass(30 * DAY - 2 * MINUTE);
    let phone = world.renewed(phone).await;
    assert_eq!(notes(&phone).await, note);
    world.pass(MINUTE);
    assert_eq!(notes(&phone).await, []);
    world.counted(&["ginza"], &["s1"], 0).await;
    world.pass(1);
    world.counted(&["ginza"], &["s1"], 1).await;
    assert_eq!(notes(&phone).await.len(), 1);
    world.like(&phone, &liked("s1", &["ueno"])).await.ok::<Favourites>();
    assert_eq!(notes(&phone).await, []);
    world.stop().await;
}

#[tokio::test]
async fn members_that_become_one_like_what_both_liked() {
    let world = world().await;
    world.products(vec![product("shirt", &["s1", "s2"])]).await;
    world.register(&["17850"], true).await;
    let (one, two) = (world.phone(1, Some(number("17850", "0000"))).await, world.phone(2, None).await);
    world.like(&one, &liked("s1", &["shibuya"])).await.ok::<Favourites>();
    world.pass(MINUTE);
    world.like(&two, &liked("s1", &["ginza"])).await.ok::<Favourites>();
    world.like(&two, &liked("s2", &[])).await.ok::<Favourites>();
    world.link(&two, number("17850", "0000")).await.ok::<Membership>();
    for phone in [&one, &two] {
        let both = world.favourites(phone).await;
        assert_eq!(skus(&both), ["s2", "s1"]);
        assert_eq!((both.favourites[1].since_ms, both.favourites[1].watch.len()), (T0, 2));
    }
    assert_eq!(skus(&world.like(&one, &forgotten("s1")).await.ok()), ["s2"]);
    assert_eq!(skus(&world.favourites(&two).await), ["s2"]);
    world.stop().await;
}

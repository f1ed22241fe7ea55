use std::collections::BTreeMap;
use std::sync::Arc;

use noren_rules::geo::Position;
use noren_rules::ids::{Sku, StoreId};
use noren_rules::places::{Direction, OpeningSpan};
use noren_rules::stock::{Band, ChanceModel, StockSource};
use noren_rules::wire::{Ground, PlaceInfo, PlaceKind, StockLevel, StockPage, StoreStock, Tenant, WeeklyHours};
use proptest::prelude::*;

use super::{NextStep, StockMatrix, StockQuestion, StockStore};
use crate::outbox::OUTBOX_DB;
use crate::places::PlaceBook;
use crate::purchases::CACHE_DB;
use crate::storage::Database;
use crate::time::TrustedTime;

const NOW_MS: i64 = 1_770_000_000_000;

fn level(sku: &str, available: Option<u32>) -> StockLevel {
    StockLevel { sku: sku.into(), available, display: 0, in_transit: 0, shelf: None, sold_per_day_milli: 0, error_permille: 0 }
}

fn stock_of(store: &str, version: u64, levels: Vec<StockLevel>) -> StoreStock {
    StoreStock {
        store: store.into(),
        as_of_ms: Some(NOW_MS),
        source: StockSource::PosFeed,
        is_ec: store.starts_with("ec"),
        holds: true,
        version,
        has_more: false,
        levels,
    }
}

fn page_of(stores: Vec<StoreStock>) -> StockPage {
    StockPage { stores, model: ChanceModel::default(), as_of_ms: NOW_MS }
}

/// Store and variant.
type Key = (String, String);

struct Kept {
    _directory: tempfile::TempDir,
    stock: StockStore,
}

impl Kept {
    fn new(stores: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = |spec| Arc::new(Database::new(directory.path(), spec));
        let stock = StockStore::new(database(CACHE_DB), database(OUTBOX_DB));
        let ids: Vec<StoreId> = stores.iter().map(|store| (*store).into()).collect();
        stock.want(&ids, &[], NOW_MS).unwrap();
        Self { _directory: directory, stock }
    }

    /// Every level as it reads, and every variant that is there, each by its own table.
    fn all(&self, stores: &[&str], skus: &[String]) -> (BTreeMap<Key, StockLevel>, Vec<Key>) {
        let kept = self.stock.stores().unwrap();
        self.stock
            .read(|levels| {
                let (mut all, mut there) = (BTreeMap::new(), Vec::new());
                for (store, sku) in stores.iter().flat_map(|store| skus.iter().map(move |sku| (store, sku))) {
                    let Some(row) = kept.iter().find(|kept| kept.store.as_str() == *store) else { continue };
                    let Some(number) = levels.number(sku)? else { continue };
                    let words = levels.there(number)?;
                    if words.get(row.number as usize / 64).is_some_and(|word| word >> (row.number % 64) & 1 == 1) {
                        there.push(((*store).to_owned(), sku.clone()));
                    }
                    if let Some(packed) = levels.level(row.number, number)? {
                        let unpacked = StockLevel {
                            sku: sku.as_str().into(),
                            available: packed.available,
                            display: packed.display,
                            in_transit: packed.in_transit,
                            shelf: packed.shelf.map(|number| levels.shelf(number)).transpose()?.flatten(),
                            sold_per_day_milli: packed.sold_per_day_milli,
                            error_permille: packed.error_permille,
                        };
                        all.insert(((*store).to_owned(), sku.clone()), unpacked);
                    }
                }
                Ok((all, there))
            })
            .unwrap()
    }
}

const STORES: [&str; 3] = ["a", "b", "ec"];

fn any_level() -> impl Strategy<Value = StockLevel> {
    let available = prop_oneof![2 => Just(None), 3 => Just(Some(0)), 5 => (0u32..300).prop_map(Some)];
    let shelf = proptest::option::of(prop_oneof![Just("1F 棚3".to_owned()), Just("2F-B-12".to_owned())]);
    // More than two blocks of variants.
    (0u32..150, available, 0u32..3, shelf, 0u32..5_000, 0u32..200).prop_map(|(sku, available, display, shelf, sold, error)| StockLevel {
        sku: format!("sku{sku}").as_str().into(),
        available,
        display,
        in_transit: display * 7,
        shelf,
        sold_per_day_milli: sold,
        error_permille: error,
    })
}

/// A server that keeps changed levels by version.
#[derive(Default)]
struct Feed {
    changes: Vec<(usize, StockLevel)>,
}

impl Feed {
    /// What is newer in each store, the newest change of a variant only, at most `limit` rows in all.
    fn page(&self, versions: &[u64; 3], limit: usize) -> StockPage {
        let mut left = limit;
        let stores = (0..3).map(|store| {
            let newer = self.changes.iter().zip(1u64..).filter(|((of, _), version)| *of == store && *version > versions[store]);
            let last =
                |sku: &Sku| self.changes.iter().zip(1u64..).filter(|((of, level), _)| *of == store && level.sku == *sku).last().unwrap().1;
            let rows: Vec<(u64, StockLevel)> = newer
                .filter(|((_, level), version)| last(&level.sku) == *version)
                .map(|((_, level), version)| (version, level.clone()))
                .collect();
            let sent: Vec<(u64, StockLevel)> = rows.iter().take(left).cloned().collect();
            left -= sent.len();
            let version = sent.last().map_or(versions[store], |(version, _)| *version);
            StoreStock {
                has_more: sent.len() < rows.len(),
                ..stock_of(STORES[store], version, sent.into_iter().map(|(_, level)| level).collect())
            }
        });
        page_of(stores.collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// However the changes are cut into deltas and these into pages, and whichever answers are lost or come twice: the table is the same.
    #[test]
    fn deltas_in_any_cut_give_the_same_table(
        changes in proptest::collection::vec((0usize..3, any_level()), 0..120),
        cuts in proptest::collection::vec((0usize..40, 1usize..30, 0u8..4), 0..12),
    ) {
        let kept = Kept::new(&STORES);
        let mut feed = Feed::default();
        let mut rest = changes.clone().into_iter();
        let versions = |kept: &Kept| {
            let stores = kept.stock.stores().unwrap();
            STORES.map(|store| stores.iter().find(|kept| kept.store.as_str() == store).map_or(0, |kept| kept.version))
        };
        for (news, limit, luck) in cuts {
            feed.changes.extend(rest.by_ref().take(news));
            let page = feed.page(&versions(&kept), limit);
            if luck > 0 {
                kept.stock.take_in(&page, NOW_MS).unwrap();
            }
            if luck == 3 {
                kept.stock.take_in(&page, NOW_MS).unwrap();
            }
        }
        feed.changes.extend(rest);
        loop {
            let page = feed.page(&versions(&kept), 7);
            if kept.stock.take_in(&page, NOW_MS).unwrap().more.is_empty() {
                break;
            }
        }
        let right: BTreeMap<Key, StockLevel> =
            changes.into_iter().map(|(store, level)| ((STORES[store].to_owned(), level.sku.0.clone()), level)).collect();
        let skus: Vec<String> = (0..150).map(|sku| format!("sku{sku}")).collect();
        let (all, there) = kept.all(&STORES, &skus);
        let mut available: Vec<Key> =
            right.iter().filter(|(_, level)| level.available.is_some_and(|available| available > 0)).map(|(key, _)| key.clone()).collect();
        available.sort();
        let mut there = there;
        there.sort();
        prop_assert_eq!(there, available);
        prop_assert_eq!(all, right);
        // Dropped, a store leaves nothing behind.
        kept.stock.tidy(&["b".into()], &[], NOW_MS + 40 * 86_400_000).unwrap();
        let (all, there) = kept.all(&STORES, &skus);
        prop_assert!(all.keys().chain(&there).all(|(store, _)| store != "a"));
    }
}

fn place(store: &str, at: &Position, open: bool) -> PlaceInfo {
    let e7 = |degrees: f64| (degrees * 1e7).round() as i32;
    // NOW_MS is a Monday, 11:40 in Japan.
    let spans = vec![OpeningSpan { weekday: 0, opens_min: if open { 600 } else { 900 }, closes_min: 1_200 }];
    PlaceInfo {
        id: format!("p-{store}").as_str().into(),
        kind: PlaceKind::Store,
        name: format!("{store}店"),
        reading: None,
        direction: Direction::Both,
        ground: Ground::Circle { lat_e7: e7(at.lat_deg()), lon_e7: e7(at.lon_deg()), radius_m: 30 },
        open_to_ordinary_road: false,
        hours: None,
        value: 0,
        area: None,
        tenants: vec![Tenant {
            store_id: store.into(),
            name: format!("{store}店"),
            hours: Some(WeeklyHours { spans, utc_offset_min: 540 }),
        }],
    }
}

fn tokyo() -> Position {
    Position::new(35.68, 139.77).unwrap()
}

fn question(skus: &[Sku]) -> StockQuestion {
    StockQuestion {
        product: None,
        skus: skus.to_vec(),
        wanted: skus.first().cloned(),
        here: None,
        in_min: None,
        quantity: 1,
        per_variant: 3,
        open_first: false,
    }
}

fn ask(kept: &Kept, book: &Arc<PlaceBook>, question: &StockQuestion, position: Option<&Position>, now_ms: i64) -> StockMatrix {
    kept.stock.nearest(book, question, question.skus.clone(), position, TrustedTime { now_ms, proven: true }).unwrap()
}

fn names(matrix: &StockMatrix) -> Vec<Vec<&str>> {
    matrix.variants.iter().map(|variant| variant.stores.iter().map(|store| store.store.as_str()).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_nearest_are_those_of_all_levels(
        stores in proptest::collection::vec((0.0f64..360.0, 0.0f64..40_000.0, any::<bool>(), any::<bool>(), proptest::bool::weighted(0.3)), 1..90),
        levels in proptest::collection::vec((0usize..90, 0usize..6, 0u32..4), 0..200),
        (open_first, quantity, per_variant, here) in (any::<bool>(), 1u32..4, 1u32..5, 0usize..90),
        with_position in proptest::bool::weighted(0.8),
    ) {
        let ids: Vec<String> = (0..stores.len()).map(|n| format!("s{n:02}")).collect();
        let kept = Kept::new(&ids.iter().map(String::as_str).collect::<Vec<_>>());
        let skus: Vec<Sku> = (0..6).map(|n| format!("v{n}").as_str().into()).collect();
        let mut by_store: BTreeMap<usize, BTreeMap<usize, u32>> = (0..stores.len()).map(|n| (n, BTreeMap::new())).collect();
        for (store, sku, available) in levels {
            by_store.entry(store % stores.len()).or_default().insert(sku, available);
        }
        let page = by_store.iter().map(|(store, levels)| {
            let as_of_ms = Some(if stores[*store].4 { NOW_MS - 5 * 3_600_000 } else { NOW_MS });
            let levels = levels.iter().map(|(sku, available)| level(skus[*sku].as_str(), Some(*available))).collect();
            StoreStock { as_of_ms, ..stock_of(&ids[*store], 1, levels) }
        });
        kept.stock.take_in(&page_of(page.collect()), NOW_MS).unwrap();
        // Some stores are at no place that the phone knows.
        let places: Vec<Option<PlaceInfo>> = stores.iter().zip(&ids).map(|((bearing, distance, open, known, _), id)| {
            (*known || distance < &20_000.0).then(|| place(id, &tokyo().towards(*bearing, *distance), *open))
        }).collect();
        let book = Arc::new(PlaceBook::new(places.iter().flatten().cloned().collect(), &BTreeMap::new()));
        let position = with_position.then(tokyo);
        let here = (here < stores.len()).then(|| StoreId(ids[here].clone()));
        let asked = StockQuestion { open_first, quantity, per_variant, here: here.clone(), ..question(&skus) };
        let matrix = ask(&kept, &book, &asked, position.as_ref(), NOW_MS);

        for (sku, variant) in matrix.variants.iter().enumerate() {
            let mut right: Vec<(u8, bool, f64, &String)> = (0..stores.len())
                .filter(|store| by_store[store].get(&sku).is_some_and(|there| *there >= quantity))
                .filter(|store| here.as_ref().is_none_or(|here| here.as_str() != ids[*store]))
                .map(|store| {
                    let known = places[store].as_ref().map(|info| info.place().unwrap().region());
                    let edge_m = known.filter(|_| with_position).map(|region| (region.centre.distance_m(&tokyo()) - region.radius_m).max(0.0));
                    let open = known.is_some() && stores[store].2;
                    (if stores[store].4 { 2 } else { u8::from(open_first && !open) }, edge_m.is_none(), edge_m.unwrap_or(0.0), &ids[store])
                })
                .collect();
            // Without a position, and beyond the places, by name: a store at a place is called 店, one without by its id.
            let name = |id: &String| if places[ids.iter().position(|other| other == id).unwrap()].is_some() { format!("{id}店") } else { id.clone() };
            right.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)).then_with(|| name(a.3).cmp(&name(b.3))));
            right.truncate(per_variant as usize);
            let found: Vec<&str> = variant.stores.iter().map(|store| store.store.as_str()).collect();
            prop_assert_eq!(found, right.iter().map(|(_, _, _, id)| id.as_str()).collect::<Vec<_>>());
            prop_assert!(variant.stores.iter().all(|store| store.distance_m.is_some() == (with_position && store.place.is_some())));
            let said = here.as_ref().map(|here| by_store[&ids.iter().position(|id| id == here.as_str()).unwrap()].get(&sku).copied().unwrap_or(0));
            prop_assert_eq!(variant.here.as_ref().map(|here| here.answer.quantity.unwrap()), said);
        }
    }
}

#[test]
fn the_other_size_is_in_three_stores_and_online_with_its_time() {
    let kept = Kept::new(&["here", "near", "far", "shut", "never"]);
    let book = Arc::new(PlaceBook::new(
        vec![
            place("here", &tokyo(), true),
            place("near", &tokyo().towards(0.0, 800.0), true),
            place("far", &tokyo().towards(90.0, 9_000.0), true),
            place("shut", &tokyo().towards(180.0, 300.0), false),
        ],
        &BTreeMap::new(),
    ));
    let shelf = StockLevel { shelf: Some("2F-B-12".into()), ..level("M", Some(9)) };
    kept.stock
        .take_in(
            &page_of(vec![
                stock_of("here", 1, vec![level("S", Some(2)), level("M", Some(0)), level("L", None)]),
                stock_of("near", 1, vec![shelf]),
                stock_of("far", 1, vec![level("M", Some(1))]),
                stock_of("shut", 1, vec![level("M", Some(5))]),
                stock_of("ec-1", 1, vec![level("M", Some(40))]),
            ]),
            NOW_MS,
        )
        .unwrap();
    let skus: Vec<Sku> = ["M", "S", "L", "XL"].map(Sku::from).into();
    let asked = StockQuestion { here: Some("here".into()), open_first: true, ..question(&skus) };
    let matrix = ask(&kept, &book, &asked, Some(&tokyo()), NOW_MS);
    assert_eq!(names(&matrix), [vec!["near", "far", "shut"], vec![], vec![], vec![]]);
    let (m, l) = (&matrix.variants[0], &matrix.variants[2]);
    let near = &m.stores[0];
    assert_eq!((near.name.as_str(), near.distance_m, near.open_now, near.holds), ("near店", Some(770), Some(true), true));
    assert_eq!((near.answer.band, near.answer.as_of_ms, near.answer.shelf.as_deref()), (Band::InStock, NOW_MS, Some("2F-B-12")));
    assert!(near.text_ja.contains("11:40"), "{}", near.text_ja);
    assert_eq!((m.here.as_ref().unwrap().answer.band, m.online.as_ref().unwrap().store.as_str()), (Band::Out, "ec-1"));
    assert_eq!(l.here.as_ref().unwrap().answer.band, Band::Unknown, "books that cannot be right");
    assert_eq!(matrix.variants[3].here.as_ref().unwrap().answer.band, Band::Out, "a store that is heard of and never had it");
    assert_eq!(matrix.stores_heard, 5);
    let other =
        |store: &str| NextStep::OtherStore { store: store.into(), sku: "M".into(), holds: true, as_of_ms: NOW_MS, last_known: false };
    let right = vec![
        NextStep::OtherVariantHere { store: "here".into(), sku: "S".into(), as_of_ms: NOW_MS, last_known: false },
        other("near"),
        other("far"),
        other("shut"),
        NextStep::Online { store: "ec-1".into(), sku: "M".into(), as_of_ms: NOW_MS, last_known: false },
    ];
    assert_eq!(matrix.next_steps, right);
    let at_near = StockQuestion { here: Some("near".into()), ..asked.clone() };
    let steps = ask(&kept, &book, &at_near, Some(&tokyo()), NOW_MS).next_steps;
    assert_eq!(steps[0], NextStep::HoldHere { store: "near".into(), sku: "M".into(), as_of_ms: NOW_MS, last_known: false });
    let unheard = StockQuestion { here: Some("never".into()), ..asked.clone() };
    assert!(ask(&kept, &book, &unheard, None, NOW_MS).variants.iter().all(|variant| variant.here.is_none()), "nothing is said of it");

    // Hours later, with no network: shown as last known, then as unknown; never as in stock, and never as advice.
    let old = ask(&kept, &book, &asked, Some(&tokyo()), NOW_MS + 3_600_000);
    assert!(old.variants[0].stores.iter().all(|store| store.answer.last_known && store.answer.band != Band::Unknown));
    let past = ask(&kept, &book, &asked, Some(&tokyo()), NOW_MS + 5 * 3_600_000);
    let answers: Vec<_> =
        past.variants.iter().flat_map(|variant| variant.stores.iter().chain(&variant.online).chain(&variant.here)).collect();
    assert!(answers.len() >= 8 && answers.iter().all(|store| store.answer.band == Band::Unknown && store.answer.last_known));
    assert_eq!(past.next_steps, vec![]);
}

#[test]
fn a_clock_that_is_not_proven_says_nothing_is_there() {
    let kept = Kept::new(&["here", "near"]);
    let places = vec![place("here", &tokyo(), true), place("near", &tokyo().towards(0.0, 800.0), true)];
    let book = Arc::new(PlaceBook::new(places, &BTreeMap::new()));
    let of = |store: &str| stock_of(store, 1, vec![level("M", Some(9))]);
    kept.stock.take_in(&page_of(vec![of("here"), of("near"), of("ec-1")]), NOW_MS).unwrap();
    let asked = StockQuestion { here: Some("here".into()), open_first: true, ..question(&["M".into()]) };
    let unproven = TrustedTime { now_ms: NOW_MS, proven: false };
    let matrix = kept.stock.nearest(&book, &asked, asked.skus.clone(), Some(&tokyo()), unproven).unwrap();
    let row = &matrix.variants[0];
    let answers: Vec<_> = row.stores.iter().chain(&row.here).chain(&row.online).collect();
    assert_eq!((answers.len(), matrix.next_steps.len()), (3, 0));
    for of in answers {
        assert_eq!((of.answer.band, of.answer.last_known, of.answer.chance_permille, of.open_now), (Band::Unknown, true, None, None));
        assert!(of.text_ja.contains("2/2 11:40時点"), "the day is told: {}", of.text_ja);
    }
}

#[test]
fn silent_stores_push_no_live_one_out() {
    let kept = Kept::new(&["s1", "s2", "s3", "live"]);
    let at = |store: &str, metres: f64| place(store, &tokyo().towards(0.0, metres), true);
    let places = vec![at("s1", 100.0), at("s2", 200.0), at("s3", 300.0), at("live", 900.0)];
    let book = Arc::new(PlaceBook::new(places, &BTreeMap::new()));
    let of = |store: &str, age_ms: i64| StoreStock { as_of_ms: Some(NOW_MS - age_ms), ..stock_of(store, 1, vec![level("M", Some(9))]) };
    let old = 5 * 3_600_000;
    let pages = vec![of("s1", old), of("s2", old), of("s3", old), of("live", 0), of("ec-1", old), of("ec-2", 0)];
    kept.stock.take_in(&page_of(pages), NOW_MS).unwrap();
    for open_first in [false, true] {
        let asked = StockQuestion { open_first, ..question(&["M".into()]) };
        let matrix = ask(&kept, &book, &asked, Some(&tokyo()), NOW_MS);
        assert_eq!(names(&matrix), [["live", "s1", "s2"]]);
        assert_eq!(matrix.variants[0].online.as_ref().unwrap().store.as_str(), "ec-2");
        assert_eq!(matrix.next_steps.len(), 2, "live and online");
    }
}

#[test]
fn without_a_way_no_chance_is_said() {
    let kept = Kept::new(&["a"]);
    kept.stock.take_in(&page_of(vec![stock_of("a", 1, vec![level("M", Some(9))])]), NOW_MS).unwrap();
    let book = Arc::new(PlaceBook::new(vec![place("a", &tokyo(), true)], &BTreeMap::new()));
    let chance = |in_min, position: Option<&Position>| {
        let matrix = ask(&kept, &book, &StockQuestion { in_min, ..question(&["M".into()]) }, position, NOW_MS);
        matrix.variants[0].stores[0].answer.chance_permille
    };
    assert!(chance(None, None).is_none() && chance(None, Some(&tokyo())).is_some() && chance(Some(20), None).is_some());
}

#[test]
fn a_store_is_heard_when_its_first_pull_is_whole_and_forgotten_when_the_server_begins_anew() {
    let kept = Kept::new(&["a"]);
    let book = Arc::new(PlaceBook::default());
    let skus: Vec<Sku> = vec!["x".into(), "y".into()];
    let asked = StockQuestion { here: Some("a".into()), ..question(&skus) };
    let here = |kept: &Kept| {
        let matrix = ask(kept, &book, &asked, None, NOW_MS);
        matrix.variants.iter().map(|variant| variant.here.as_ref().map(|here| here.answer.quantity.unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(here(&kept), [None, None]);
    let first = StoreStock { has_more: true, ..stock_of("a", 5, vec![level("x", Some(3))]) };
    let taken = kept.stock.take_in(&page_of(vec![first, stock_of("stranger", 9, vec![level("x", Some(1))])]), NOW_MS).unwrap();
    assert_eq!((taken.more, taken.heard, taken.levels), (vec!["a".into()], vec!["a".into()], 1));
    assert_eq!(here(&kept), [None, None], "y may be in the rest");
    kept.stock.take_in(&page_of(vec![stock_of("a", 6, vec![level("y", Some(4))])]), NOW_MS).unwrap();
    assert_eq!(here(&kept), [Some(3), Some(4)]);
    // A delta that has not come to its end is not newer than before.
    let delta = StoreStock { has_more: true, as_of_ms: Some(NOW_MS + 9), ..stock_of("a", 7, vec![level("x", Some(2))]) };
    kept.stock.take_in(&page_of(vec![delta]), NOW_MS).unwrap();
    assert_eq!(ask(&kept, &book, &asked, None, NOW_MS).variants[0].here.as_ref().unwrap().answer.as_of_ms, NOW_MS);
    let taken = kept.stock.take_in(&page_of(vec![stock_of("a", 2, vec![level("y", Some(1))])]), NOW_MS).unwrap();
    assert_eq!((taken.again, taken.levels), (vec!["a".into()], 0));
    assert_eq!(here(&kept), [None, None]);
    kept.stock.take_in(&page_of(vec![stock_of("a", 2, vec![level("y", Some(1))])]), NOW_MS).unwrap();
    assert_eq!(here(&kept), [Some(0), Some(1)]);
}

#[test]
fn nothing_is_known_of_later_than_the_servers_clock() {
    let kept = Kept::new(&["a"]);
    let ahead = StoreStock { as_of_ms: Some(NOW_MS + 86_400_000), ..stock_of("a", 1, vec![level("x", Some(9))]) };
    kept.stock.take_in(&page_of(vec![ahead]), NOW_MS).unwrap();
    let book = Arc::new(PlaceBook::default());
    let asked = StockQuestion { here: Some("a".into()), ..question(&["x".into()]) };
    let here = |now_ms| ask(&kept, &book, &asked, None, now_ms).variants[0].here.clone().unwrap().answer;
    assert_eq!((here(NOW_MS).as_of_ms, here(NOW_MS + 3_600_000).last_known), (NOW_MS, true));
}

#[test]
fn a_version_beyond_all_versions_is_refused_whole() {
    let kept = Kept::new(&["a", "b"]);
    let page = page_of(vec![stock_of("a", 1, vec![level("x", Some(9))]), stock_of("b", i64::MAX.unsigned_abs() + 1, vec![])]);
    assert!(kept.stock.take_in(&page, NOW_MS).is_err());
    assert!(kept.stock.stores().unwrap().iter().all(|kept| kept.version == 0 && kept.as_of_ms.is_none()));
}

#[test]
fn numbers_of_stores_are_used_again_and_pins_stay() {
    let kept = Kept::new(&["a", "b", "c"]);
    kept.stock.pin(&"b".into(), true).unwrap();
    let pinned = kept.stock.pinned().unwrap();
    kept.stock.tidy(&["c".into()], &pinned, NOW_MS + 20 * 86_400_000).unwrap();
    kept.stock.want(&["d".into()], &pinned, NOW_MS + 31 * 86_400_000).unwrap();
    assert_eq!(kept.stock.stores().unwrap().len(), 4, "nothing is dropped before the server was asked");
    kept.stock.tidy(&["d".into()], &pinned, NOW_MS + 31 * 86_400_000).unwrap();
    let rows: Vec<(u32, String)> = kept.stock.stores().unwrap().into_iter().map(|kept| (kept.number, kept.store.0)).collect();
    assert_eq!(rows, [(1, "b".into()), (2, "c".into()), (3, "d".into())], "a was dropped");
    kept.stock.want(&["e".into()], &pinned, NOW_MS + 31 * 86_400_000).unwrap();
    assert_eq!(kept.stock.stores().unwrap()[0].store.as_str(), "e");
    kept.stock.drop_pins().unwrap();
    kept.stock.drop_stores().unwrap();
    assert!(kept.stock.stores().unwrap().is_empty() && kept.stock.pinned().unwrap().is_empty());
}

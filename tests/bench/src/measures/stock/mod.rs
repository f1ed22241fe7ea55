//! Stock at the stress size: the nearest stores for a matrix of variants, a delta beside a bare bulk upsert of the same rows, the size of the file.

mod bare;
mod goods;

use std::path::Path;
use std::sync::Arc;

use noren_core::outbox::OUTBOX_DB;
use noren_core::places::PlaceBook;
use noren_core::platform::SystemEntropy;
use noren_core::purchases::CACHE_DB;
use noren_core::stock::{StockQuestion, StockStore};
use noren_core::storage::{Database, Sealer};
use noren_core::time::TrustedTime;
use noren_rules::geo::Position;
use noren_rules::ids::{Sku, StoreId};
use noren_rules::places::Tile;
use noren_rules::wire::PlaceInfo;
use rusqlite::{Connection, params};
use zeroize::Zeroizing;

use crate::dice::Dice;
use crate::report::{Line, Outcome, Samples, check, round, say};
use goods::{Chain, MATRIX, NOW_MS, PAGE, book};

const NOW: TrustedTime = TrustedTime { now_ms: NOW_MS, proven: true };

const PEER: &str = "SQL by hand: stores by distance, one look-up a store and variant until there are enough";
const PEER_DELTA: &str = "bare upserts of the same rows into WITHOUT ROWID(store, sku), one transaction a page";
const PER_VARIANT: usize = 3;
/// Changes of a delta.
const CHANGES: usize = 10_000;
const DELTAS: u64 = 10;

/// Store and variant of each change of a delta.
type Rows<'a> = &'a dyn Fn(u64) -> Vec<(usize, usize)>;

struct Files {
    database: Arc<Database>,
    store: StockStore,
    bare: Connection,
}

/// Fills `directory` unless it is filled, and measures.
pub(crate) fn run(directory: &Path, stores: usize, variants: usize, runs: usize) -> Outcome {
    let chain = Chain { stores, variants: variants / MATRIX * MATRIX };
    let places = chain.places()?;
    let mut files = filled(&directory.join(format!("stock-{stores}x{variants}")), &chain, &places)?;
    nearest(&files, &chain, &places, runs)?;
    size(&files, &chain)?;
    deltas(&mut files, &chain)
}

fn open(directory: &Path) -> Outcome<Files> {
    std::fs::create_dir_all(directory)?;
    let sealer = Sealer::new(Zeroizing::new([7; 32]), Arc::new(SystemEntropy));
    let database = Arc::new(Database::encrypted(directory, CACHE_DB, &sealer));
    let store = StockStore::new(database.clone(), Arc::new(Database::new(directory, OUTBOX_DB)));
    Ok(Files { database, store, bare: bare::open(&directory.join("bare.db"))? })
}

fn filled(directory: &Path, chain: &Chain, places: &[PlaceInfo]) -> Outcome<Files> {
    let mut files = open(directory)?;
    let full = directory.join("filled");
    if full.exists() {
        return Ok(files);
    }
    say(&format!("noren-bench: {} stores with {} variants each go into {}", chain.stores, chain.variants, directory.display()));
    let ids: Vec<StoreId> = (0..chain.stores).map(Chain::store_id).collect();
    files.store.want(&ids, &[], NOW_MS)?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    let rows: Vec<(usize, usize)> = (0..chain.stores).flat_map(|store| (0..chain.variants).map(move |variant| (store, variant))).collect();
    for page in rows.chunks(PAGE) {
        let page = chain.page(page, 0, 1);
        ours.time(|| files.store.take_in(&page, NOW_MS))?;
        theirs.time(|| bare::upsert(&mut files.bare, &page))?;
    }
    put_places(&files.database, places)?;
    files.database.pause()?;
    files.database.resume();
    files.bare.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    std::fs::write(full, b"")?;
    let levels = rows.len();
    Line::new("stock_first_pull", &ours)
        .beside(PEER_DELTA, &theirs)
        .with("levels", levels)
        .with("seconds", round(ours.total().as_secs_f64()))
        .with("peer_seconds", round(theirs.total().as_secs_f64()))
        .emit()?;
    Ok(files)
}

/// For the measure through the bindings, which has no server to fetch places from.
fn put_places(database: &Database, places: &[PlaceInfo]) -> Outcome {
    let rows: Vec<(String, String, String)> = places
        .iter()
        .map(|info| {
            let tile = Tile::of(&info.place()?.region().centre).to_string();
            Ok((info.id.0.clone(), tile, serde_json::to_string(info)?))
        })
        .collect::<Outcome<_>>()?;
    Ok(database.write(|tx| {
        for (id, tile, json) in rows {
            tx.execute("INSERT OR IGNORE INTO tiles VALUES (?1, 1, ?2)", params![tile, NOW_MS])?;
            tx.execute("INSERT OR REPLACE INTO places VALUES (?1, ?2, ?3)", params![id, tile, json])?;
        }
        Ok(())
    })?)
}

fn question(product: usize) -> (Vec<usize>, StockQuestion) {
    let variants: Vec<usize> = (product * MATRIX..(product + 1) * MATRIX).collect();
    let skus: Vec<Sku> = variants.iter().map(|variant| Chain::sku(*variant)).collect();
    let question = StockQuestion {
        product: None,
        wanted: skus.first().cloned(),
        skus,
        here: None,
        in_min: None,
        quantity: 1,
        per_variant: u32::try_from(PER_VARIANT).unwrap_or(3),
        open_first: true,
    };
    (variants, question)
}

/// Each case: which products are asked about, and at what time.
fn nearest(files: &Files, chain: &Chain, places: &[PlaceInfo], runs: usize) -> Outcome {
    let (book, positions) = (book(places), chain.positions()?);
    let all = || 0..chain.products();
    let usual: Vec<usize> = all().filter(|product| !Chain::is_nowhere(*product) && !Chain::is_rare(*product)).collect();
    let cases: [(&str, Vec<usize>); 3] = [
        ("stock_nearest", usual),
        ("stock_nearest_rare", all().filter(|product| Chain::is_rare(*product)).collect()),
        ("stock_nearest_nowhere", all().filter(|product| Chain::is_nowhere(*product)).collect()),
    ];
    for (name, products) in cases {
        let mut dice = Dice::new(5);
        let (mut ours, mut theirs) = (Samples::default(), Samples::default());
        for run in 0..runs {
            let Some(product) = products.get(dice.index(products.len())) else { continue };
            let Some(at) = positions.get(dice.index(positions.len())).map(|at| at.offset_by(300.0, 500.0)) else { continue };
            let (variants, question) = question(*product);
            let ask = || files.store.nearest(&book, &question, question.skus.clone(), Some(&at), NOW);
            // The first answers are held against all levels, and the peer's with them.
            let right = (run < 20).then(|| brute(chain, &positions, &at, &variants));
            let matrix = ours.time(ask)?;
            let found: Vec<Vec<StoreId>> =
                matrix.variants.iter().map(|variant| variant.stores.iter().map(|store| store.store.clone()).collect()).collect();
            let peer = (run < 50).then(|| theirs.time(|| bare::nearest(&files.bare, &in_order(&positions, &at), &variants, PER_VARIANT)));
            for other in [right, peer.transpose()?].into_iter().flatten() {
                let other: Vec<Vec<StoreId>> =
                    other.iter().map(|stores| stores.iter().map(|store| Chain::store_id(*store)).collect()).collect();
                check(found == other, || format!("{name}: {found:?}, not {other:?}"))?;
            }
        }
        let line = Line::new(name, &ours).beside(PEER, &theirs).at_most_us(2_000.0).with("p95_us", ours.at(95));
        line.with("variants", MATRIX).with("per_variant", PER_VARIANT).with("levels", chain.stores * chain.variants).emit()?;
    }
    Ok(())
}

/// Stores in order of distance to their grounds.
fn in_order(positions: &[Position], at: &Position) -> Vec<usize> {
    let mut stores: Vec<(f64, usize)> = positions.iter().enumerate().map(|(store, position)| (position.distance_m(at), store)).collect();
    stores.sort_by(|a, b| a.0.total_cmp(&b.0));
    stores.into_iter().map(|(_, store)| store).collect()
}

/// By every level there is.
fn brute(chain: &Chain, positions: &[Position], at: &Position, variants: &[usize]) -> Vec<Vec<usize>> {
    let in_order = in_order(positions, at);
    let of = |variant: &usize| {
        let has = |store: &&usize| chain.level(**store, *variant, 0).available.is_some_and(|available| available > 0);
        let mut found: Vec<usize> = in_order.iter().filter(has).copied().collect();
        found.sort_by_key(|store| !Chain::is_open(*store));
        found.truncate(PER_VARIANT);
        found
    };
    variants.iter().map(of).collect()
}

fn size(files: &Files, chain: &Chain) -> Outcome {
    let bytes = |path: &Path| Ok::<f64, std::io::Error>(std::fs::metadata(path)?.len() as f64);
    let ours = bytes(files.database.path())?;
    let peer = bytes(Path::new(files.bare.path().unwrap_or_default()))?;
    let levels = (chain.stores * chain.variants) as f64;
    Line::new("stock_file", &Samples::default())
        .with("levels", levels)
        .with("file_mb", round(ours / 1e6))
        .with("bytes_a_level", round(ours / levels))
        .with("peer_file_mb", round(peer / 1e6))
        .emit()
}

/// 10,000 changes: of one store, and ten of each of a thousand.
fn deltas(files: &mut Files, chain: &Chain) -> Outcome {
    let one = |delta: u64| {
        let store = usize::try_from(delta * 37).unwrap_or(0) % chain.stores;
        (0..CHANGES.min(chain.variants)).map(|variant| (store, variant)).collect::<Vec<_>>()
    };
    let spread = |delta: u64| {
        let mut dice = Dice::new(delta);
        let a_store = CHANGES / chain.stores;
        (0..chain.stores)
            .flat_map(|store| (0..a_store).map(|_| (store, dice.index(chain.variants))).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let kinds: [(&str, Rows<'_>); 2] = [("stock_delta_store", &one), ("stock_delta_spread", &spread)];
    for (kind, (name, rows)) in kinds.iter().enumerate() {
        let (mut ours, mut theirs, mut parse) = (Samples::default(), Samples::default(), Samples::default());
        let mut changes = 0;
        for delta in 1..=DELTAS {
            let rows = rows(delta);
            changes = rows.len();
            let version = delta + 1 + DELTAS * kind as u64;
            let pages: Vec<_> = rows.chunks(PAGE).map(|rows| chain.page(rows, delta, version)).collect();
            let json: Vec<Vec<u8>> = pages.iter().map(serde_json::to_vec).collect::<Result<_, _>>()?;
            parse.time(|| {
                json.iter().map(|json| serde_json::from_slice::<noren_rules::wire::StockPage>(json)).collect::<Result<Vec<_>, _>>()
            })?;
            for turn in 0..2 {
                if (turn + delta) % 2 == 0 {
                    ours.time(|| pages.iter().try_for_each(|page| files.store.take_in(page, NOW_MS).map(drop)))?;
                } else {
                    theirs.time(|| pages.iter().try_for_each(|page| bare::upsert(&mut files.bare, page)))?;
                }
            }
            agree(files, chain, &rows, delta)?;
        }
        let line = Line::new(*name, &ours).beside(PEER_DELTA, &theirs).at_most_times(2.0);
        line.with("changes", changes).with("parse_us", parse.quantiles().p50).emit()?;
    }
    // The files are not as they were filled any more.
    files.database.path().parent().map_or(Ok(()), |directory| Ok(std::fs::remove_file(directory.join("filled"))?))
}

/// What was just taken in reads as it was said, here and there.
fn agree(files: &Files, chain: &Chain, rows: &[(usize, usize)], delta: u64) -> Outcome {
    let book = Arc::new(PlaceBook::default());
    for (store, variant) in rows.iter().step_by(997) {
        let (right, sku) = (chain.level(*store, *variant, delta), Chain::sku(*variant));
        let asked = StockQuestion { here: Some(Chain::store_id(*store)), wanted: None, skus: vec![], ..question(0).1 };
        let matrix = files.store.nearest(&book, &asked, vec![sku.clone()], None, NOW)?;
        let here = matrix.variants.first().and_then(|variant| variant.here.as_ref());
        let ours = here.map(|here| (here.answer.quantity, here.answer.shelf.clone()));
        let sql = "SELECT available, shelf FROM levels WHERE store = ?1 AND sku = ?2";
        let theirs: (Option<u32>, Option<String>) =
            files.bare.query_row(sql, params![Chain::store_id(*store).as_str(), sku.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        check(ours.as_ref() == Some(&theirs) && theirs == (right.available, right.shelf), || {
            format!("{store} {sku}: {ours:?} {theirs:?}")
        })?;
    }
    Ok(())
}

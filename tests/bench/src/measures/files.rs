//! Opening the cache's file, and reading a page of it: plain, or encrypted in a build with the core's feature `sqlcipher`.

use noren_core::storage::WHOLE_FILE_ENCRYPTION;

use crate::data::History;
use crate::report::{Line, Outcome, Samples, check};
use crate::store;
use crate::words::Words;

const LIMIT: u32 = 50;

pub(crate) fn run(receipts: usize, runs: usize) -> Outcome {
    let directory = tempfile::tempdir()?;
    let history = History::new(Words::shop()?, receipts);
    let (database, first) = store::filled(directory.path(), &history)?;
    let newest = first.page(None, LIMIT)?;
    database.pause()?;
    let bytes = std::fs::metadata(database.path())?.len();
    let mut header = [0u8; 15];
    std::io::Read::read_exact(&mut std::fs::File::open(database.path())?, &mut header)?;
    check((&header == b"SQLite format 3") != WHOLE_FILE_ENCRYPTION, || "the file's first bytes".into())?;

    let (mut open, mut page, mut search) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..runs {
        let (opened, _, store) = open.time(|| {
            let (database, store) = store::open(directory.path());
            (store.page(None, 1), database, store)
        });
        check(opened?.receipts.first() == newest.receipts.first(), || "the first receipt".into())?;
        store.page(None, LIMIT)?;
        check(page.time(|| store.page(None, LIMIT))? == newest, || "the page".into())?;
        store.search("牛乳", None, LIMIT)?;
        search.time(|| store.search("牛乳", None, LIMIT))?;
    }
    for (measure, samples) in [("file_open_first_read", open), ("file_page", page), ("file_search", search)] {
        let line = Line::new(measure, &samples).with("encrypted", WHOLE_FILE_ENCRYPTION).with("receipts", receipts);
        line.with("file_mb", crate::report::round(bytes as f64 / 1e6)).emit()?;
    }
    Ok(())
}

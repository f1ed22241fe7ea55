//! Starting, stopping, and what survives.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use noren_backend::{DEMO_TILL_TOKEN, DemoTill, OpenError, Settings, StartError};
use noren_rules::wire::*;

use crate::support::*;

fn on(directory: &Path, clock: &Arc<AtomicI64>) -> Settings {
    Settings { data: Some(directory.to_owned()), ..settings(clock) }
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let (directory, clock) = (tempdir(), Arc::new(AtomicI64::new(T0)));
    let world = world_in(directory.path(), &clock).await;
    let phone = world.phone(1, None).await;
    let request = sale("1", scanned(phone.qr(T0), T0), vec![line("a", 1, 900)]);
    let first = world.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), "k", &request).await;
    let cursor = world.page(&phone, None, 10).await.next_cursor;
    world.stop().await;
    assert_eq!(std::fs::metadata(directory.path().join("backend.sqlite-wal")).map_or(0, |wal| wal.len()), 0, "checkpointed");
    let world = world_in(directory.path(), &clock).await;
    assert_eq!(world.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), "k", &request).await.body, first.body);
    assert_eq!(world.page(&phone, Some(&cursor), 10).await.receipts.len(), 0, "token and cursor are still good");
    assert_eq!(world.membership(&phone).await.points, 9);
    world.stop().await;
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let (directory, clock) = (tempdir(), Arc::new(AtomicI64::new(T0)));
    let world = world_in(directory.path(), &clock).await;
    let phone = world.phone(1, None).await;
    let request = sale("1", scanned(phone.qr(T0), T0), vec![line("a", 1, 900)]);
    let first = world.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), "k", &request).await;
    // The files as they stand at this moment are what a killed process leaves behind.
    let left = tempdir();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), left.path().join(entry.file_name())).unwrap();
        }
    }
    let after = world_in(left.path(), &clock).await;
    let again = after.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), "k", &request).await;
    assert!(again.replayed());
    assert_eq!(again.body, first.body);
    assert_eq!(after.history(&phone).await.len(), 1);
    after.stop().await;
    world.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_said() {
    let world = world().await;
    let port = world.backend.as_ref().unwrap().addr().port();
    let clock = Arc::new(AtomicI64::new(T0));
    let error = noren_backend::start(Settings { port, ..settings(&clock) }).await.unwrap_err();
    assert!(matches!(error, StartError::PortInUse { address } if address.port() == port), "{error}");
    world.stop().await;
}

#[tokio::test]
async fn demo_pins_and_the_demo_token_stay_on_loopback() {
    let (directory, clock) = (tempdir(), Arc::new(AtomicI64::new(T0)));
    let host = "0.0.0.0".parse().unwrap();
    let own = Some(DemoTill { token: "a-token-of-its-own".to_owned(), ..DemoTill::default() });
    let open = || Settings { host, till: own.clone(), ..on(directory.path(), &clock) };
    let error = noren_backend::start(Settings { till: Some(DemoTill::default()), ..open() }).await.unwrap_err();
    assert!(matches!(error, StartError::DemoExposed(_)));
    let mut world = world_with(open(), Arc::clone(&clock)).await;
    world.url = format!("http://127.0.0.1:{}", world.backend.as_ref().unwrap().addr().port());
    let cards = |demo_pin| RegisterCards { numbers: vec!["1".into()], demo_pin };
    let token = Some("a-token-of-its-own");
    assert_eq!(world.post(paths::TILL_CARDS, token, "k", &cards(true)).await.refused(403), Reason::Forbidden);
    world.post(paths::TILL_CARDS, token, "k", &cards(false)).await.ok::<RegisteredCards>();
    // Nor does anybody pay there with a sandbox's money.
    assert!(!directory.path().join(noren_backend::SANDBOX_FILE).exists());
    world.stop().await;
    let world = world_in(directory.path(), &clock).await;
    world.register(&["2"], true).await;
    world.stop().await;
    assert!(matches!(noren_backend::start(open()).await.unwrap_err(), StartError::DemoExposed(_)));
}

#[tokio::test]
async fn a_newer_file_and_a_missing_key_file_are_refused() {
    let (directory, clock) = (tempdir(), Arc::new(AtomicI64::new(T0)));
    world_in(directory.path(), &clock).await.stop().await;
    let keys = directory.path().join("keys.json");
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&keys).unwrap().permissions()) & 0o777, 0o600);
    let saved = std::fs::read(&keys).unwrap();
    for (content, malformed) in [(None, false), (Some(b"{}".as_slice()), true)] {
        std::fs::remove_file(&keys).unwrap();
        if let Some(content) = content {
            std::fs::write(&keys, content).unwrap();
        }
        let error = noren_backend::start(on(directory.path(), &clock)).await.unwrap_err();
        let StartError::Keys(error) = error else { panic!("{error}") };
        assert_eq!(matches!(error, noren_backend::KeyFileError::Malformed), malformed, "{error}");
        std::fs::write(&keys, &saved).unwrap();
    }
    world_in(directory.path(), &clock).await.stop().await;
    // The version stands in the header of the file (SQLite file format, 1.3: offset 60).
    let file = directory.path().join("backend.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[60..64].copy_from_slice(&99u32.to_be_bytes());
    std::fs::write(&file, &bytes).unwrap();
    let error = noren_backend::start(on(directory.path(), &clock)).await.unwrap_err();
    assert!(matches!(error, StartError::Database(OpenError::Newer { found: 99, .. })), "{error}");
    assert_eq!(std::fs::read(&file).unwrap()[60..64], 99u32.to_be_bytes(), "and left as it is");
}

#[tokio::test]
async fn a_stop_finishes_what_is_there() {
    let world = Arc::new(world().await);
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..20 {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            world.till(paths::TILL_SALES, &sale(&at.to_string(), Customer::Anonymous, vec![line("a", 1, 1)])).await.status
        });
    }
    while let Some(status) = tasks.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    let mut world = Arc::into_inner(world).unwrap();
    let backend = world.backend.take().unwrap();
    let (stopped, url) = (backend.wait(), world.url.clone());
    backend.shutdown().await;
    stopped.await;
    assert!(world.http.get(format!("{url}{}", paths::HEALTH)).send().await.is_err(), "it listens no more");
}

#[tokio::test]
async fn a_dropped_backend_lets_its_port_and_files_go() {
    let world = world().await;
    let port = world.backend.as_ref().unwrap().addr().port();
    drop(world);
    let clock = Arc::new(AtomicI64::new(T0));
    // The abort takes effect when the runtime next runs the task.
    for _ in 0..1_000 {
        match noren_backend::start(Settings { port, ..settings(&clock) }).await {
            Ok(backend) => return backend.shutdown().await,
            Err(StartError::PortInUse { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the port is still taken");
}

#[tokio::test]
async fn settings_out_of_range_are_refused() {
    let clock = Arc::new(AtomicI64::new(T0));
    let short = Some(DemoTill { token: "short".to_owned(), ..DemoTill::default() });
    for bad in [Settings { minor_per_point: 0, ..settings(&clock) }, Settings { till: short, ..settings(&clock) }] {
        assert!(matches!(noren_backend::start(bad).await.unwrap_err(), StartError::Setting(_)));
    }
}

#[tokio::test]
async fn two_servers_on_one_directory_share_one_truth() {
    let (directory, clock) = (tempdir(), Arc::new(AtomicI64::new(T0)));
    let one = world_in(directory.path(), &clock).await;
    let two = world_in(directory.path(), &clock).await;
    let phone = one.phone(1, None).await;
    let request = sale("1", scanned(phone.qr(T0), T0), vec![line("a", 1, 900)]);
    let (first, second) = tokio::join!(
        one.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), "k", &request),
        two.post(paths::TILL_SALES, Some(DEMO_TILL_TOKEN), "k", &request),
    );
    assert_eq!((first.status, &first.body), (200, &second.body));
    assert!(first.replayed() != second.replayed());
    assert_eq!(two.membership(&phone).await.points, 9);
    one.stop().await;
    assert_eq!(two.history(&phone).await.len(), 1, "the other goes on");
    two.stop().await;
}

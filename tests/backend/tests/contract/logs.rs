//! Logs name no one, at any level.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use noren_backend::DEMO_TILL_TOKEN;
use noren_rules::wire::*;
use serde_json::json;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, fmt};

use crate::favourites::liked;
use crate::goods::*;
use crate::reviews::opinion;
use crate::support::*;

#[derive(Clone, Default)]
pub struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// All that the backend logs in this process from now on. Other tests of this binary may be heard too.
pub fn listen() -> Sink {
    static SINK: OnceLock<Sink> = OnceLock::new();
    let sink = SINK.get_or_init(|| {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        let backend_only = Targets::new().with_target("noren_backend", LevelFilter::TRACE);
        // The database's threads are the backend's own: only a global subscriber hears them.
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer.with_filter(backend_only))).unwrap();
        sink
    });
    sink.clone()
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_and_no_member_is_logged() {
    let sink = listen();
    let world = world().await;
    world.register(&["4242-4242"], true).await;
    let phone = world.phone(1, Some(number("4242-4242", "0000"))).await;
    world.link(&phone, number("4242-4242", "987123")).await;
    let (text, digits) = (phone.qr(T0), phone.code128(T0));
    world.till(paths::TILL_IDENTIFICATIONS, &json!({"scanned": text})).await;
    world.sell(&sale("1", scanned(digits.clone(), T0), vec![line("a", 1, 100)])).await;
    world.till(paths::TILL_SALES, &json!({"scanned": text})).await;
    let code: EcCode = world.till(paths::TILL_EC_CODES, &EcCodeRequest { account: "hanako".to_owned() }).await.ok();
    world.link(&phone, Link::Ec { code: code.code.clone() }).await;
    world.products(vec![product("secret-product", &["secret-article"])]).await;
    world.review(&phone, &opinion("secret-product", 4, "secret opinion")).await.ok::<Review>();
    world.review(&phone, &opinion("secret-unknown-product", 9, "secret opinion")).await;
    world.like(&phone, &liked("secret-article", &["secret-store"])).await.ok::<Favourites>();
    let scan = json!({"reactions": [{"kind": "scan", "sku": "secret-article", "store": "secret-store", "at_ms": T0}]});
    world.post(paths::REACTIONS, Some(&phone.token), "scan", &scan).await.ok::<ReactionsKept>();
    world.ask(&phone, "text=secret-search").await;
    world.get(paths::EXPORT, Some(&phone.token)).await.ok::<MemberExport>();
    world.erase(&phone.key, "the-erase-key").await.ok::<Erasure>();
    let secrets = [
        DEMO_TILL_TOKEN.to_owned(),
        phone.token.clone(),
        phone.enrolment.member_id.0.clone(),
        phone.enrolment.device_id.0.clone(),
        phone.enrolment.credential.clone(),
        phone.enrolment.one_dimensional.totp_secret.clone(),
        phone.enrolment.one_dimensional.alias.clone(),
        "4242-4242".to_owned(),
        "987123".to_owned(),
        "the-erase-key".to_owned(),
        "hanako".to_owned(),
        "secret-product".to_owned(),
        "secret-unknown-product".to_owned(),
        "secret-article".to_owned(),
        "secret-store".to_owned(),
        "secret opinion".to_owned(),
        "secret-search".to_owned(),
        code.code,
        text,
        digits,
    ];
    world.stop().await;
    let log = sink.text();
    assert!(log.contains("answered"), "it is the right log: {log}");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
}

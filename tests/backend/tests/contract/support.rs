//! A backend with a clock of its own, and callers that speak to it over real HTTP.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use noren_backend::{Backend, DEMO_TILL_TOKEN, Settings};
use noren_rules::code::{CodePayload, make, step_at};
use noren_rules::credential::SignedCredential;
use noren_rules::ids::DeviceId;
use noren_rules::keys::SoftwareKey;
use noren_rules::proof::{ProofKind, prove};
use noren_rules::receipt::{Channel, ReceiptKind, ReceiptLine};
use noren_rules::wire::*;
use noren_rules::{b64, one_dimensional};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// 2027-01-15T08:00:00Z, the start of a step of 20 s and of 30 s.
pub const T0: i64 = 1_800_000_000_000;
pub const MINUTE: i64 = 60_000;
pub const DAY: i64 = 86_400_000;

pub struct World {
    pub backend: Option<Backend>,
    pub clock: Arc<AtomicI64>,
    pub http: reqwest::Client,
    pub url: String,
    keys: AtomicU64,
}

#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn replayed(&self) -> bool {
        self.header("idempotency-replayed") == Some("true")
    }

    #[track_caller]
    pub fn ok<T: DeserializeOwned>(&self) -> T {
        assert_eq!(self.status, 200, "{}", self.body);
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The refusal's reason, after checking that it is a whole problem.
    #[track_caller]
    pub fn refused(&self, status: u16) -> Reason {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), Some(PROBLEM_JSON));
        assert!(self.header(SERVER_TIME).is_some());
        let problem: Problem = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem.status, status);
        assert!(!problem.detail.is_empty());
        problem.reason
    }
}

pub struct Phone {
    pub key: SoftwareKey,
    pub enrolment: Enrolment,
    pub token: String,
}

impl Phone {
    pub fn device(&self) -> DeviceId {
        self.key.public_key().device_id()
    }

    /// The QR's text at a moment.
    pub fn qr(&self, at_ms: i64) -> String {
        qr(&self.key, &self.enrolment.credential, at_ms)
    }

    pub fn code128(&self, at_ms: i64) -> String {
        let secret = b64::decode(&self.enrolment.one_dimensional.totp_secret).unwrap();
        one_dimensional::code128_text(&self.enrolment.one_dimensional.alias, &secret, at_ms / 1000)
    }
}

pub fn qr(key: &SoftwareKey, credential: &str, at_ms: i64) -> String {
    let credential = SignedCredential::from_base64url(credential).unwrap();
    let payload = CodePayload { step: step_at(at_ms / 1000), ..CodePayload::default() };
    make(&credential, &payload, |message| Ok::<_, ()>(key.sign(message))).unwrap()
}

pub fn key(seed: u8) -> SoftwareKey {
    SoftwareKey::from_bytes(&[seed; 32]).unwrap()
}

fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|der| reqwest::Certificate::from_der(der).unwrap());
    reqwest::Client::builder().tls_certs_only(roots).no_proxy().build().unwrap()
}

pub fn settings(clock: &Arc<AtomicI64>) -> Settings {
    let clock = Arc::clone(clock);
    Settings { clock: Arc::new(move || clock.load(Ordering::SeqCst)), ..Settings::default() }
}

pub async fn world() -> World {
    let clock = Arc::new(AtomicI64::new(T0));
    world_with(settings(&clock), clock).await
}

pub async fn world_in(directory: &Path, clock: &Arc<AtomicI64>) -> World {
    world_with(Settings { data: Some(directory.to_owned()), ..settings(clock) }, Arc::clone(clock)).await
}

pub async fn world_with(settings: Settings, clock: Arc<AtomicI64>) -> World {
    let backend = noren_backend::start(settings).await.unwrap();
    World { url: backend.url(), backend: Some(backend), clock, http: http(), keys: AtomicU64::new(0) }
}

impl World {
    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    pub async fn stop(mut self) {
        self.backend.take().unwrap().shutdown().await;
    }

    pub fn fresh_key(&self) -> String {
        format!("key-{}-{}", self.now(), self.keys.fetch_add(1, Ordering::SeqCst))
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Got {
        let mut request = self.http.get(format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        got(request).await
    }

    /// A POST with these headers, and JSON as media type unless they name one.
    pub async fn send(&self, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Got {
        let mut request = self.http.post(format!("{}{path}", self.url)).body(body);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        got(request).await
    }

    pub async fn post(&self, path: &str, token: Option<&str>, key: &str, body: &impl Serialize) -> Got {
        let bearer = format!("Bearer {}", token.unwrap_or_default());
        let mut headers = vec![(IDEMPOTENCY_KEY, key)];
        if token.is_some() {
            headers.push(("authorization", bearer.as_str()));
        }
        self.send(path, &headers, serde_json::to_string(body).unwrap()).await
    }

    /// As the demo till, under a fresh key.
    pub async fn till(&self, path: &str, body: &impl Serialize) -> Got {
        self.post(path, Some(DEMO_TILL_TOKEN), &self.fresh_key(), body).await
    }

    pub async fn nonce(&self) -> String {
        self.get(paths::NONCE, None).await.ok::<Nonce>().nonce
    }

    pub async fn enrol_request(&self, key: &SoftwareKey, link: Option<Link>) -> EnrolRequest {
        let nonce = self.nonce().await;
        let proof = proof(ProofKind::Enrol, key, &b64::decode(&nonce).unwrap());
        EnrolRequest { public_key: key.public_key().to_base64url(), nonce, proof, link, replaces: None }
    }

    pub async fn try_enrol(&self, seed: u8, link: Option<Link>) -> Got {
        let request = self.enrol_request(&key(seed), link).await;
        self.post(paths::ENROLMENTS, None, &self.fresh_key(), &request).await
    }

    pub async fn phone(&self, seed: u8, link: Option<Link>) -> Phone {
        let enrolment = self.try_enrol(seed, link).await.ok();
        let token = self.token(&key(seed)).await.ok::<AccessToken>().token;
        Phone { key: key(seed), enrolment, token }
    }

    pub async fn token(&self, key: &SoftwareKey) -> Got {
        let nonce = self.nonce().await;
        let proof = proof(ProofKind::Token, key, &b64::decode(&nonce).unwrap());
        let request = TokenRequest { device_id: key.public_key().device_id(), nonce, proof };
        self.send(paths::TOKENS, &[], serde_json::to_string(&request).unwrap()).await
    }

    /// The phone with a new token: one lasts a quarter of an hour.
    pub async fn renewed(&self, phone: Phone) -> Phone {
        Phone { token: self.token(&phone.key).await.ok::<AccessToken>().token, ..phone }
    }

    pub async fn link(&self, phone: &Phone, link: Link) -> Got {
        self.post(paths::LINKS, Some(&phone.token), &self.fresh_key(), &LinkRequest { link }).await
    }

    pub async fn erase(&self, key: &SoftwareKey, idempotency_key: &str) -> Got {
        let proof = proof(ProofKind::Erase, key, idempotency_key.as_bytes());
        let request = EraseRequest { public_key: key.public_key().to_base64url(), proof };
        self.post(paths::ERASURES, None, idempotency_key, &request).await
    }

    pub async fn register(&self, numbers: &[&str], demo_pin: bool) -> RegisteredCards {
        let numbers = numbers.iter().map(|number| (*number).into()).collect();
        self.till(paths::TILL_CARDS, &RegisterCards { numbers, demo_pin }).await.ok()
    }

    pub async fn sell(&self, sale: &SaleRequest) -> SaleAnswer {
        self.till(paths::TILL_SALES, sale).await.ok()
    }

    pub async fn membership(&self, phone: &Phone) -> Membership {
        self.get(paths::MEMBERSHIP, Some(&phone.token)).await.ok()
    }

    pub async fn page(&self, phone: &Phone, cursor: Option<&str>, limit: u32) -> ReceiptPage {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        self.get(&format!("{}?limit={limit}{cursor}", paths::RECEIPTS), Some(&phone.token)).await.ok()
    }

    /// Numbers and voided marks of everything in the history, sorted.
    pub async fn history(&self, phone: &Phone) -> Vec<noren_rules::receipt::Receipt> {
        let (mut all, mut cursor) = (std::collections::BTreeMap::new(), None);
        loop {
            let page = self.page(phone, cursor.as_deref(), 3).await;
            all.extend(page.receipts.into_iter().map(|receipt| (receipt.number.clone(), receipt)));
            cursor = Some(page.next_cursor);
            if !page.has_more {
                return all.into_values().collect();
            }
        }
    }

    pub async fn numbers(&self, phone: &Phone) -> Vec<String> {
        self.history(phone).await.into_iter().map(|receipt| receipt.number).collect()
    }
}

async fn got(request: reqwest::RequestBuilder) -> Got {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    let (method, path) = (request.method().as_str().to_lowercase(), request.url().path().to_owned());
    let response = client.execute(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let got = Got { status, headers, body: response.text().await.unwrap() };
    assert!(got.header(SERVER_TIME).is_some_and(|time| time.parse::<i64>().is_ok()), "no server time: {got:?}");
    conforms(&method, &path, &got);
    got
}

/// Whatever a test does, the answer is one that the document names: its status, its media type, the fields of its schema.
fn conforms(method: &str, path: &str, got: &Got) {
    static DOCUMENT: std::sync::OnceLock<Value> = std::sync::OnceLock::new();
    let document = DOCUMENT.get_or_init(|| serde_json::to_value(noren_backend::openapi()).unwrap());
    let Some(operation) = document["paths"].get(path).and_then(|item| item.get(method)) else {
        assert!(matches!(got.status, 404 | 405), "{method} {path}: {got:?}");
        return;
    };
    let response = &operation["responses"][got.status.to_string()];
    assert!(response.is_object(), "{method} {path} answers {}, which the document does not name", got.status);
    let Some(content) = response["content"].get(got.header("content-type").unwrap_or_default()) else {
        panic!("{method} {path}: {got:?}");
    };
    let schema = content["schema"]["$ref"].as_str().and_then(|name| document.pointer(name.trim_start_matches('#'))).unwrap();
    let (body, Some(properties)) = (got.json(), schema["properties"].as_object()) else { return };
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(body.get(required.as_str().unwrap()).is_some(), "{path}: no {required} in {}", got.body);
    }
    if path != paths::OPENAPI {
        let unknown: Vec<_> = body.as_object().unwrap().keys().filter(|field| !properties.contains_key(*field)).collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?} are not in the document");
    }
}

pub fn proof(kind: ProofKind, key: &SoftwareKey, subject: &[u8]) -> String {
    prove(kind, &key.public_key(), subject, |message| Ok::<_, ()>(key.sign(message))).unwrap()
}

pub fn number(number: &str, pin: &str) -> Link {
    Link::Number { number: number.into(), pin: pin.to_owned() }
}

pub fn line(sku: &str, quantity: i64, amount_minor: i64) -> ReceiptLine {
    ReceiptLine {
        sku: sku.to_owned(),
        description: format!("article {sku}"),
        quantity,
        amount_minor,
        tax_permille: None,
        reduced_rate: false,
    }
}

pub fn sale(number: &str, customer: Customer, lines: Vec<ReceiptLine>) -> SaleRequest {
    SaleRequest {
        number: number.to_owned(),
        channel: Channel::Store,
        kind: ReceiptKind::Sale,
        of: None,
        sold_at_ms: T0,
        business_date: "2027-01-15".to_owned(),
        store_id: "shibuya".into(),
        store_name: "渋谷店".to_owned(),
        issuer: None,
        currency: "JPY".to_owned(),
        total_minor: lines.iter().map(|line| line.amount_minor).sum(),
        lines,
        taxes: None,
        customer,
        coupons: None,
    }
}

pub fn returned(number: &str, of: Option<&str>, lines: Vec<ReceiptLine>) -> SaleRequest {
    SaleRequest { kind: ReceiptKind::Return, of: of.map(str::to_owned), ..sale(number, Customer::Anonymous, lines) }
}

pub fn scanned(text: String, at_ms: i64) -> Customer {
    Customer::Scanned { text, at_ms }
}

pub fn card(number: &str) -> Customer {
    Customer::Number { number: number.into() }
}

pub fn empty() -> Value {
    json!({})
}

/// A directory that goes with the value.
pub fn tempdir() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

//! A phone with an injected platform, and a server in memory that keeps the contract and breaks the network on request.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use noren_core::net::{BoxFuture, Method, Request, Response, StreamResponse, Transport, TransportError};
use noren_core::platform::{Clock, DeviceKey, Entropy, PlatformError, SecureStore};
use noren_core::{Config, Noren, OpenError, Platform};
use noren_rules::credential::Credential;
use noren_rules::ids::*;
use noren_rules::keys::{PublicKey, SoftwareKey, id_from_bytes};
use noren_rules::lists::IssuerKey;
use noren_rules::proof::{self, ProofKind};
use noren_rules::receipt::*;
use noren_rules::wire::*;
use noren_rules::{b64, one_dimensional};
use serde_json::json;

pub const START_MS: i64 = 1_770_000_000_000;

/// Clocks that a test moves.
pub struct TestClock {
    pub wall: AtomicI64,
    pub boot: AtomicI64,
    pub id: Mutex<String>,
}

impl TestClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { wall: AtomicI64::new(START_MS), boot: AtomicI64::new(1_000), id: Mutex::new("boot-1".into()) })
    }
    pub fn pass(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::SeqCst);
        self.boot.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn wall_ms(&self) -> i64 {
        self.wall.load(Ordering::SeqCst)
    }
    fn boot_ms(&self) -> i64 {
        self.boot.load(Ordering::SeqCst)
    }
    fn boot_id(&self) -> String {
        self.id.lock().unwrap().clone()
    }
}

/// Randomness that repeats itself from run to run.
pub struct TestEntropy(AtomicU64);

impl TestEntropy {
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(seed)))
    }
}

impl Entropy for TestEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), PlatformError> {
        for byte in buffer {
            // SplitMix64.
            let mut z = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            *byte = (z ^ (z >> 31)) as u8;
        }
        Ok(())
    }
}

/// A safe and a key in memory that can be locked and lost.
#[derive(Default)]
pub struct TestSafe {
    pub values: Mutex<HashMap<String, Vec<u8>>>,
    pub key: Mutex<Option<SoftwareKey>>,
    pub locked: AtomicBool,
    pub keys_made: AtomicU64,
    pub signatures: AtomicU64,
}

impl TestSafe {
    fn unlocked(&self) -> Result<(), PlatformError> {
        if self.locked.load(Ordering::SeqCst) { Err(PlatformError::Locked) } else { Ok(()) }
    }
}

impl SecureStore for TestSafe {
    fn load(&self, name: String) -> Result<Vec<u8>, PlatformError> {
        self.unlocked()?;
        self.values.lock().unwrap().get(&name).cloned().ok_or(PlatformError::NotFound)
    }
    fn save(&self, name: String, value: Vec<u8>) -> Result<(), PlatformError> {
        self.unlocked()?;
        self.values.lock().unwrap().insert(name, value);
        Ok(())
    }
    fn delete(&self, name: String) -> Result<(), PlatformError> {
        self.unlocked()?;
        self.values.lock().unwrap().remove(&name);
        Ok(())
    }
}

impl DeviceKey for TestSafe {
    fn create(&self) -> Result<Vec<u8>, PlatformError> {
        self.unlocked()?;
        let n = self.keys_made.fetch_add(1, Ordering::SeqCst) + 1;
        let mut scalar = [0x11; 32];
        scalar[31] = n as u8;
        *self.key.lock().unwrap() = Some(SoftwareKey::from_bytes(&scalar).unwrap());
        self.public_key()
    }
    fn public_key(&self) -> Result<Vec<u8>, PlatformError> {
        self.unlocked()?;
        let key = self.key.lock().unwrap();
        key.as_ref().map(|key| key.public_key().compressed().to_vec()).ok_or(PlatformError::NotFound)
    }
    fn sign(&self, message: Vec<u8>) -> Result<Vec<u8>, PlatformError> {
        self.unlocked()?;
        self.signatures.fetch_add(1, Ordering::SeqCst);
        self.key.lock().unwrap().as_ref().map(|key| key.sign_der(&message)).ok_or(PlatformError::NotFound)
    }
    fn delete(&self) -> Result<(), PlatformError> {
        self.unlocked()?;
        *self.key.lock().unwrap() = None;
        Ok(())
    }
}

/// What happens to one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// No connection.
    Offline,
    /// The request is lost on its way; the phone waits in vain.
    LostRequest,
    /// The request has its effect; the answer is lost.
    LostAnswer,
    /// The answer is made, and is on its way for a while.
    Late,
    /// The request arrives twice; the answer to the second comes.
    Twice,
    /// A hotel's login page.
    Portal,
    /// Half of the answer, as if it were whole.
    Truncated,
    /// A refusal without effect.
    Refuse(u16, Reason, Option<u64>),
    /// As it should be.
    None,
}

#[derive(Default)]
pub struct World {
    pub devices: HashMap<String, (MemberId, PublicKey, bool)>,
    pub tokens: HashSet<String>,
    pub tokens_given: u32,
    pub nonces: HashSet<String>,
    /// By key: what was asked, and what was answered.
    pub answers: HashMap<String, (Vec<u8>, u16, String)>,
    pub tombstones: HashSet<String>,
    /// Path and key of each write that had its effect.
    pub effects: Vec<(String, String)>,
    pub receipts: Vec<Receipt>,
    pub page: usize,
    pub epoch: u32,
    pub points: i64,
    pub erased: bool,
    pub seen: Vec<(Method, String)>,
    pub replaces: Option<DeviceId>,
    pub count: u64,
    pub fail_nonce_once: bool,
    pub linked: bool,
    pub shop: super::shop::Shop,
    pub depot: super::depot::Depot,
    pub goods: super::goods::Goods,
    pub kitchen: super::kitchen::Kitchen,
    /// Everything that left the phone, and how many bytes came back.
    pub sent: Vec<Request>,
    pub received: usize,
}

pub struct Server {
    pub clock: Arc<TestClock>,
    /// How far the server's clock is ahead of the phone's wall.
    pub ahead_ms: AtomicI64,
    pub world: Mutex<World>,
    pub faults: Mutex<VecDeque<Fault>>,
    pub offline: AtomicBool,
    pub issuer: SoftwareKey,
}

impl Server {
    pub fn new(clock: Arc<TestClock>) -> Arc<Self> {
        let world = World { page: 3, ..World::default() };
        Arc::new(Self {
            clock,
            ahead_ms: AtomicI64::new(0),
            world: Mutex::new(world),
            faults: Mutex::new(VecDeque::new()),
            offline: AtomicBool::new(false),
            issuer: SoftwareKey::from_bytes(&[42; 32]).unwrap(),
        })
    }

    pub fn issuers(&self) -> Vec<IssuerKey> {
        vec![IssuerKey { key: self.issuer.public_key(), not_before_s: 0, not_after_s: i64::MAX }]
    }

    pub fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }

    pub fn now_ms(&self) -> i64 {
        self.clock.wall_ms() + self.ahead_ms.load(Ordering::SeqCst)
    }

    pub fn effects(&self, path: &str) -> usize {
        self.world.lock().unwrap().effects.iter().filter(|(effect, _)| effect == path).count()
    }

    fn answer(&self, request: &Request) -> Response {
        let mut world = self.world.lock().unwrap();
        let path = request.url.strip_prefix("https://server").unwrap().to_owned();
        world.seen.push((request.method, path.clone()));
        world.sent.push(request.clone());
        let (path, query) = path.split_once('?').map_or((path.clone(), String::new()), |(p, q)| (p.to_owned(), q.to_owned()));
        let (status, body, etag) = self.route(&mut world, request, &path, &query);
        let mut headers = vec![(SERVER_TIME.to_owned(), self.now_ms().to_string())];
        if let Some(etag) = etag {
            headers.push(("etag".into(), etag));
        }
        world.received += body.len();
        Response { status, headers, body: body.into_bytes() }
    }

    fn route(&self, world: &mut World, request: &Request, path: &str, query: &str) -> (u16, String, Option<String>) {
        if path == paths::NONCE {
            world.count += 1;
            let nonce = b64::encode(&[world.count as u8; 32]);
            world.nonces.insert(nonce.clone());
            return ok(&Nonce { nonce, expires_at_ms: self.now_ms() + 300_000 });
        }
        if path == paths::TOKENS {
            let body: TokenRequest = serde_json::from_slice(&request.body).unwrap();
            let Some((_, key, revoked)) = world.devices.get(body.device_id.as_str()).cloned() else {
                return problem(401, Reason::UnknownDevice);
            };
            if revoked {
                return problem(401, Reason::UnknownDevice);
            }
            let nonce = b64::decode(&body.nonce).unwrap();
            if !world.nonces.remove(&body.nonce) || !proof::verify(ProofKind::Token, &key, &nonce, &body.proof) {
                return problem(401, Reason::ProofInvalid);
            }
            world.tokens_given += 1;
            let token = format!("token-{}-{}", body.device_id, world.tokens_given);
            world.tokens.insert(token.clone());
            return ok(&AccessToken { token, expires_at_ms: self.now_ms() + 3_600_000 });
        }
        let open = [paths::ENROLMENTS, paths::ERASURES].contains(&path);
        let mut device = String::new();
        if !open {
            let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
            if !world.tokens.contains(token) && token != "till" {
                return problem(401, Reason::TokenExpired);
            }
            device = token.split('-').nth(1).unwrap_or_default().to_owned();
            if token != "till" && world.devices.get(&device).is_none_or(|(_, _, revoked)| *revoked) {
                return problem(401, Reason::UnknownDevice);
            }
        }
        match request.method {
            Method::Get => self.read(world, request, path, query, &device),
            Method::Post => self.write(world, request, path, &device),
        }
    }

    fn read(&self, world: &mut World, request: &Request, path: &str, query: &str, device: &str) -> (u16, String, Option<String>) {
        if path == paths::MEMBERSHIP {
            let etag = format!("\"{}\"", world.points);
            if request.header("if-none-match") == Some(&etag) {
                return (304, String::new(), Some(etag));
            }
            let (status, body, _) = ok(&self.membership(world, device));
            return (status, body, Some(etag));
        }
        if let Some(answer) = self.read_kitchen(world, request, path, query).or_else(|| self.read_shop(world, request, path, query)) {
            return answer;
        }
        if let Some(answer) = self.read_goods(&world.goods, request, path, query, device) {
            return answer;
        }
        if let Some(answer) = self.read_depot(world, request, path, query) {
            return answer;
        }
        assert_eq!(path, paths::RECEIPTS);
        let cursor = query.split('&').find_map(|part| part.strip_prefix("cursor="));
        let from: usize = match cursor.map(|cursor| cursor.split_once('.').unwrap()) {
            None => 0,
            Some((epoch, from)) if epoch == world.epoch.to_string() => from.parse().unwrap(),
            Some(_) => return problem(410, Reason::CursorUnknown),
        };
        let to = (from + world.page).min(world.receipts.len());
        ok(&ReceiptPage {
            receipts: world.receipts[from..to].to_vec(),
            next_cursor: format!("{}.{to}", world.epoch),
            has_more: to < world.receipts.len(),
            as_of_ms: self.now_ms(),
        })
    }

    fn write(&self, world: &mut World, request: &Request, path: &str, device: &str) -> (u16, String, Option<String>) {
        let key = request.header(IDEMPOTENCY_KEY).expect("a write carries its key").to_owned();
        if path == paths::RESOLUTIONS {
            let body: ResolveRequest = serde_json::from_slice(&request.body).unwrap();
            return match world.answers.get(body.key.as_str()) {
                Some((_, status, text)) => ok(&Resolution::Outcome { status: *status, body: text.clone() }),
                None => {
                    world.tombstones.insert(body.key.0);
                    ok(&Resolution::Tombstone)
                }
            };
        }
        if world.tombstones.contains(&key) {
            return problem(410, Reason::IntentExpired);
        }
        if let Some((known, status, body)) = world.answers.get(&key) {
            assert_eq!(*known, asked(path, request), "a key belongs to one path and one body");
            return (*status, body.clone(), None);
        }
        if let Some(expires) = request.header(EXPIRES_AT).and_then(|text| text.parse::<i64>().ok())
            && expires < self.now_ms()
        {
            return problem(410, Reason::IntentExpired);
        }
        let (status, body, etag) = self.effect(world, request, path, device, &key);
        if status < 300 {
            world.answers.insert(key.clone(), (asked(path, request), status, body.clone()));
            world.effects.push((path.to_owned(), key));
        }
        (status, body, etag)
    }

    fn effect(&self, world: &mut World, request: &Request, path: &str, device: &str, key: &str) -> (u16, String, Option<String>) {
        match path {
            paths::ENROLMENTS => {
                let body: EnrolRequest = serde_json::from_slice(&request.body).unwrap();
                let public_key = PublicKey::from_base64url(&body.public_key).unwrap();
                let known = world.nonces.remove(&body.nonce);
                if !known || std::mem::take(&mut world.fail_nonce_once) {
                    return problem(401, Reason::NonceExpired);
                }
                let nonce = b64::decode(&body.nonce).unwrap();
                if !proof::verify(ProofKind::Enrol, &public_key, &nonce, &body.proof) {
                    return problem(401, Reason::ProofInvalid);
                }
                match &body.link {
                    Some(Link::Number { pin, .. }) if pin == "9999" => return problem(429, Reason::TooManyAttempts),
                    Some(Link::Number { pin, .. }) if pin != "0000" => return problem(403, Reason::LinkRefused),
                    _ => {}
                }
                world.replaces = body.replaces;
                world.count += 1;
                let member = MemberId(id_from_bytes(&[world.count as u8; 10]));
                world.devices.insert(public_key.device_id().0, (member, public_key, false));
                ok(&self.enrolment(world, public_key.device_id().as_str()))
            }
            paths::CREDENTIALS => ok(&self.enrolment(world, device)),
            paths::LINKS => {
                let body: LinkRequest = serde_json::from_slice(&request.body).unwrap();
                match body.link {
                    Link::Number { pin, .. } if pin == "9999" => problem(429, Reason::TooManyAttempts),
                    Link::Number { pin, .. } if pin != "0000" => problem(403, Reason::LinkRefused),
                    _ => {
                        world.linked = true;
                        ok(&self.membership(world, device))
                    }
                }
            }
            paths::CLAIMS => {
                let body: ClaimRequest = serde_json::from_slice(&request.body).unwrap();
                if body.claim_code == "wrong" {
                    return problem(404, Reason::ClaimRefused);
                }
                ok(&Claim { receipt_id: ReceiptId(format!("claimed-{}", body.claim_code)) })
            }
            paths::ERASURES => {
                let body: EraseRequest = serde_json::from_slice(&request.body).unwrap();
                let public_key = PublicKey::from_base64url(&body.public_key).unwrap();
                if !proof::verify(ProofKind::Erase, &public_key, key.as_bytes(), &body.proof) {
                    return problem(401, Reason::ProofInvalid);
                }
                world.erased = true;
                ok(&Erasure { erased: true })
            }
            paths::LEASES | paths::CHECK_INS => self.write_shop(world, request, path, device),
            paths::REVIEWS | paths::FAVOURITES | paths::REACTIONS => self.write_goods(world, request, path, device),
            paths::HOLDS | paths::HOLD_PROGRESS | paths::HOLD_RELEASES => self.write_depot(world, request, path),
            path if super::kitchen::WRITES.contains(&path) => self.write_kitchen(world, request, path),
            paths::TILL_SALES => (200, json!({ "sale": key }).to_string(), None),
            other => panic!("no such path: {other}"),
        }
    }

    fn membership(&self, world: &World, device: &str) -> Membership {
        let member_id = world.devices[device].0.clone();
        Membership {
            member_id,
            points: world.points,
            assurance: if world.linked { Assurance::Number } else { Assurance::Device },
            linked: vec![],
        }
    }

    pub fn enrolment(&self, world: &World, device: &str) -> Enrolment {
        let (member, key, _) = world.devices[device].clone();
        let expires_at_s = self.now_ms() / 1000 + 30 * 86_400;
        let credential =
            Credential { member: member.clone(), device_key: key, expires_at_s, assurance: Assurance::Device, allotment: None };
        Enrolment {
            member_id: member,
            device_id: DeviceId(device.to_owned()),
            credential: credential.issue(&self.issuer).to_base64url(),
            credential_expires_at_ms: expires_at_s * 1000,
            renew_from_ms: self.now_ms() + 10 * 86_400_000,
            one_dimensional: OneDimensional {
                alias: one_dimensional::new_alias(&[7; 8]),
                totp_secret: b64::encode(&[9; 20]),
                ean13: one_dimensional::member_ean13("21", 4711).unwrap(),
                nw7: one_dimensional::member_nw7(4711),
            },
            membership: self.membership(world, device),
        }
    }
}

fn asked(path: &str, request: &Request) -> Vec<u8> {
    [path.as_bytes(), b"\n", &request.body].concat()
}

impl Transport for Server {
    fn stream(&self, request: Request) -> BoxFuture<'_, Result<StreamResponse, TransportError>> {
        Box::pin(async move { self.events(&request) })
    }

    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            if self.offline.load(Ordering::SeqCst) {
                return Err(TransportError::Offline);
            }
            let fault = self.faults.lock().unwrap().pop_front().unwrap_or(Fault::None);
            match fault {
                Fault::Offline => Err(TransportError::Offline),
                Fault::LostRequest => Err(TransportError::Timeout),
                Fault::LostAnswer => {
                    self.answer(&request);
                    Err(TransportError::Broken)
                }
                Fault::Late => {
                    let response = self.answer(&request);
                    tokio::task::yield_now().await;
                    Ok(response)
                }
                Fault::Twice => {
                    self.answer(&request);
                    Ok(self.answer(&request))
                }
                Fault::Portal => Ok(Response { status: 200, headers: vec![], body: b"<html>Welcome to the hotel</html>".to_vec() }),
                Fault::Truncated => {
                    let mut response = self.answer(&request);
                    response.body.truncate(response.body.len() / 2);
                    Ok(response)
                }
                Fault::Refuse(status, reason, retry_after) => {
                    let (status, body, _) = problem(status, reason);
                    let headers = retry_after.map(|s| ("retry-after".to_owned(), s.to_string())).into_iter().collect();
                    Ok(Response { status, headers, body: body.into_bytes() })
                }
                Fault::None => Ok(self.answer(&request)),
            }
        })
    }
}

pub fn ok<T: serde::Serialize>(value: &T) -> (u16, String, Option<String>) {
    (200, serde_json::to_string(value).unwrap(), None)
}

pub fn problem(status: u16, reason: Reason) -> (u16, String, Option<String>) {
    (status, serde_json::to_string(&Problem { status, reason, detail: format!("{reason:?}") }).unwrap(), None)
}

/// A phone in a directory.
pub struct Phone {
    pub directory: tempfile::TempDir,
    pub clock: Arc<TestClock>,
    pub safe: Arc<TestSafe>,
    pub server: Arc<Server>,
    pub entropy: Arc<TestEntropy>,
}

impl Phone {
    pub fn new() -> Self {
        let clock = TestClock::new();
        let server = Server::new(clock.clone());
        Self { directory: tempfile::tempdir().unwrap(), clock, safe: Arc::new(TestSafe::default()), server, entropy: TestEntropy::new(1) }
    }

    pub fn files(&self) -> PathBuf {
        self.directory.path().join("files")
    }

    pub fn platform(&self) -> Platform {
        Platform {
            secure_store: self.safe.clone(),
            device_key: self.safe.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            transport: self.server.clone(),
        }
    }

    pub fn try_open(&self) -> Result<Noren, OpenError> {
        let config = Config { directory: self.files(), backend_url: "https://server".into(), language: "ja".into() };
        Noren::open(config, self.platform())
    }

    pub fn open(&self) -> Noren {
        self.try_open().unwrap()
    }

    pub async fn enrolled(&self) -> Noren {
        let noren = self.open();
        noren.member().enrol(None).await.unwrap();
        noren
    }

    pub fn offline(&self, offline: bool) {
        self.server.offline.store(offline, Ordering::SeqCst);
    }

    pub fn locked(&self, locked: bool) {
        self.safe.locked.store(locked, Ordering::SeqCst);
    }
}

/// Every byte of every file below a directory, with its name.
pub fn bytes_below(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().unwrap().is_dir() {
            files.extend(bytes_below(&entry.path()));
        } else {
            files.push((entry.path(), std::fs::read(entry.path()).unwrap()));
        }
    }
    files.sort();
    files
}

pub fn receipt(n: u32, sold_at_ms: i64, lines: &[&str]) -> Receipt {
    let lines: Vec<ReceiptLine> = lines
        .iter()
        .enumerate()
        .map(|(i, description)| ReceiptLine {
            sku: format!("sku{i}"),
            description: (*description).to_owned(),
            quantity: 1,
            amount_minor: 100 + i64::from(n),
            tax_permille: None,
            reduced_rate: false,
        })
        .collect();
    Receipt {
        id: ReceiptId(format!("r{n}")),
        number: n.to_string(),
        till_id: "till".into(),
        channel: [Channel::Store, Channel::Ec, Channel::MobileOrder][n as usize % 3],
        kind: ReceiptKind::Sale,
        of: None,
        sold_at_ms,
        business_date: "2026-02-03".into(),
        store_id: "s1".into(),
        store_name: "渋谷店".into(),
        issuer: Some(Issuer { name: "のれん".into(), registration_number: None }),
        currency: "JPY".into(),
        total_minor: lines.iter().map(|l| l.amount_minor).sum(),
        lines,
        taxes: None,
        points: 1,
        reissued: false,
        voided: false,
        coupons: Vec::new(),
    }
}

//! Device and backend decide alike: whatever the rules say on a phone over the built drives, the backend says at its endpoint to the signed evidence.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

use std::collections::BTreeMap;
use std::sync::Arc;

use noren_core::net::{Client, HttpTransport};
use noren_core::platform::{SystemClock, SystemEntropy, random_uuid};
use noren_core::time::TrustedClock;
use noren_rules::b64;
use noren_rules::check_in::{CheckInMethod, CheckInMonitor, CheckInPolicy, CheckInRecord, CheckInRefusal, Evidence, Finding, Observation};
use noren_rules::ids::CheckInId;
use noren_rules::keys::SoftwareKey;
use noren_rules::places::PlaceIndex;
use noren_rules::proof::{ProofKind, prove};
use noren_rules::wire::{AccessToken, CheckInAnswer, CheckInOutcome, CheckInRequest, EnrolRequest, Enrolment, Nonce, TokenRequest, paths};
use noren_tour::drives::{Drive, DriveFix, OUTLINES, RestStop, Site, rest_stops, sites};
use noren_tour::travel::{Operator, StoryClock};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A device without an app: it says what it likes, signed.
struct Device {
    client: Client,
    key: SoftwareKey,
    token: String,
    sequence: u64,
    previous: Option<[u8; 32]>,
}

impl Device {
    async fn enrol(url: &str) -> Self {
        let clock = Arc::new(TrustedClock::new(Arc::new(SystemClock::new())));
        let client = Client::new(Arc::new(HttpTransport::new().unwrap()), url, clock, "en");
        let key = SoftwareKey::from_bytes(&[7; 32]).unwrap();
        let mut device = Self { client, key, token: String::new(), sequence: 0, previous: None };
        let (nonce, proof) = device.proof(ProofKind::Enrol).await;
        let public_key = device.key.public_key().to_base64url();
        let _: Enrolment = device.post(paths::ENROLMENTS, &EnrolRequest { public_key, nonce, proof, link: None, replaces: None }).await;
        let (nonce, proof) = device.proof(ProofKind::Token).await;
        let device_id = device.key.public_key().device_id();
        device.token = device.post::<AccessToken>(paths::TOKENS, &TokenRequest { device_id, nonce, proof }).await.token;
        device
    }

    async fn proof(&self, kind: ProofKind) -> (String, String) {
        let nonce = self.client.get_json::<Nonce>(paths::NONCE, None).await.unwrap().nonce;
        let subject = b64::decode(&nonce).unwrap();
        let proof = prove(kind, &self.key.public_key(), &subject, |message| Ok::<_, ()>(self.key.sign(message))).unwrap();
        (nonce, proof)
    }

    async fn post<Answer: DeserializeOwned>(&self, path: &str, request: &impl Serialize) -> Answer {
        let (key, authorization) = (random_uuid(&SystemEntropy).unwrap(), format!("Bearer {}", self.token));
        let authorization = Some(authorization.as_str()).filter(|_| !self.token.is_empty());
        let body = serde_json::to_vec(request).unwrap();
        let answer = self.client.post(path, authorization, Some(&key), None, body).await.unwrap();
        serde_json::from_str(&answer.body).unwrap()
    }

    async fn check_in(&mut self, evidence: Evidence, at_ms: i64) -> CheckInAnswer {
        self.sequence += 1;
        let record = CheckInRecord {
            id: CheckInId(random_uuid(&SystemEntropy).unwrap()),
            sequence: self.sequence,
            previous: self.previous,
            place: evidence.place.clone(),
            at_ms,
            time_proven: true,
            boot_ms: 1,
            method: CheckInMethod::Location(evidence),
            unlocked: Vec::new(),
        };
        self.previous = Some(record.digest());
        let signed = record.sign(|message| Ok::<_, ()>(self.key.sign(message))).unwrap();
        self.post(paths::CHECK_INS, &CheckInRequest { record: b64::encode(&signed) }).await
    }
}

/// What the rules say on the phone: why not, or nothing against it.
fn said(index: &PlaceIndex, fixes: &[DriveFix]) -> Vec<(Option<CheckInRefusal>, Evidence)> {
    let mut monitor = CheckInMonitor::new(CheckInPolicy::default());
    let mut findings: Vec<Finding> = fixes.iter().flat_map(|fix| monitor.observe(index, &Observation::Fix(fix.fix()))).collect();
    findings.extend(monitor.end_all(index, fixes.last().unwrap().at_ms));
    let said = |finding| match finding {
        Finding::CheckIn { evidence, .. } => Some((None, evidence)),
        Finding::Refused { refusal, evidence, .. } => Some((Some(refusal), evidence)),
        Finding::Waiting { .. } => None,
    };
    findings.into_iter().filter_map(said).collect()
}

/// A true stop, and everything that is none.
fn drives(site: &Site, seed: u64) -> Vec<Vec<DriveFix>> {
    let stop = || Drive::new(site, seed).stopping_for(600).fixes;
    let changed = |change: &dyn Fn(&mut DriveFix)| {
        let mut fixes = stop();
        fixes.iter_mut().for_each(change);
        fixes
    };
    let mut set_back = stop();
    set_back.iter_mut().skip(200).for_each(|fix| fix.at_ms -= 3_600_000);
    vec![
        stop(),
        Drive::new(site, seed).passing(100.0).fixes,
        Drive::new(site, seed).crawling().fixes,
        changed(&|fix| fix.mock = true),
        changed(&|fix| {
            if site.along_right(&fix.true_position).0 < -20.0 {
                fix.shown = site.at(-60_000.0, 0.0);
            }
        }),
        set_back,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn device_and_backend_decide_alike() {
    let clock = StoryClock::default();
    let of_backend = clock.clone();
    let settings = noren_backend::Settings { clock: Arc::new(move || of_backend.now_ms()), ..noren_backend::Settings::default() };
    let backend = noren_backend::start(settings).await.unwrap();
    let transport = Arc::new(HttpTransport::new().unwrap());
    let operator = Operator::new(&backend.url(), noren_backend::DEMO_OPERATOR_TOKEN, transport, &clock);
    let stops = rest_stops().unwrap();
    operator.put(&stops, &stops[0].id).await.unwrap();
    let index = PlaceIndex::new(stops.iter().map(|stop| stop.place().unwrap()).collect());
    let mut device = Device::enrol(&backend.url()).await;
    let mut counted: BTreeMap<String, u32> = BTreeMap::new();
    for (seed, site) in (300u64..).zip(&sites(OUTLINES).unwrap()) {
        let own = stops.iter().find(|stop: &&RestStop| stop.name == site.name).unwrap();
        for (kind, fixes) in drives(site, seed).iter().enumerate() {
            let said = said(&index, fixes);
            let checked_in: Vec<_> = said.iter().filter(|(refusal, _)| refusal.is_none()).map(|(_, evidence)| &evidence.place).collect();
            assert_eq!(checked_in, if kind == 0 { vec![&own.id] } else { vec![] }, "{} {kind}", site.name);
            for (refusal, evidence) in said {
                let place = evidence.place.clone();
                let answer = device.check_in(evidence, clock.now_ms()).await;
                let on_the_backend = match answer.outcome {
                    CheckInOutcome::Accepted => None,
                    CheckInOutcome::Refused { reason } => Some(reason),
                };
                assert_eq!(on_the_backend, refusal, "{} {kind} {place}", site.name);
                assert!(!answer.gap);
                *counted.entry(refusal.map_or("check_in", |refusal| refusal.reason()).to_owned()).or_default() += 1;
            }
        }
    }
    for (what, at_least) in
        [("check_in", 16), ("passed_by", 16), ("mock_location", 16), ("jump", 16), ("clock_shift", 16), ("opposite_side", 4)]
    {
        assert!(counted.get(what).is_some_and(|times| *times >= at_least), "{what}: {counted:?}");
    }
    assert!(["crawled_past", "beside_the_site"].iter().any(|jam| counted.contains_key(*jam)), "{counted:?}");
    backend.shutdown().await;
}

//! What an answer means for an intent, and how long to wait before the next attempt. Pure.

use noren_rules::wire::Reason;

use crate::net::{Answer, AuthorizerError, CallError};
use crate::platform::PlatformError;

/// First wait after a failed attempt; it doubles with each.
const FIRST_WAIT_MS: i64 = 1_000;
/// The longest wait that is ours to choose.
const LONGEST_WAIT_MS: i64 = 15 * 60_000;
/// The longest wait that a server may ask for.
const LONGEST_ASKED_MS: i64 = 24 * 3_600_000;

/// What to do with an intent after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It had its effect.
    Done { status: u16, body: String },
    /// The server refused it for good.
    Refused { reason: Reason, detail: String },
    /// The server refuses it for its time, or because its key was closed.
    Expired,
    /// The token is not good (any more).
    FreshToken,
    /// Try again under the same key.
    Retry(Retry),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Retry {
    /// The server said how long to wait.
    pub(super) asked_ms: Option<i64>,
    /// The attempt may have had its effect.
    pub(super) may_have_arrived: bool,
    /// No connection.
    pub(super) offline: bool,
    /// What the server said.
    pub(super) reason: Option<Reason>,
}

/// What the answer to an attempt means.
pub(super) fn verdict(result: Result<Answer, CallError>) -> Verdict {
    match result {
        Ok(answer) if (200..300).contains(&answer.status) => Verdict::Done { status: answer.status, body: answer.body },
        Ok(_) | Err(CallError::Unreadable { .. }) => Verdict::Retry(Retry { may_have_arrived: true, ..Retry::default() }),
        Err(CallError::Transport { error }) => {
            let offline = error.surely_not_sent();
            Verdict::Retry(Retry { may_have_arrived: !offline, offline, ..Retry::default() })
        }
        Err(CallError::Refused { status, code, detail, retry_after_s }) => refused(status, code, detail, retry_after_s),
    }
}

fn refused(status: u16, reason: Reason, detail: String, retry_after_s: Option<u64>) -> Verdict {
    let asked_ms = retry_after_s.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000).min(LONGEST_ASKED_MS));
    let retry = |may_have_arrived| Verdict::Retry(Retry { asked_ms, may_have_arrived, offline: false, reason: Some(reason) });
    match (status, reason) {
        (401, Reason::Unauthorized | Reason::TokenExpired) => Verdict::FreshToken,
        (410, Reason::IntentExpired) => Verdict::Expired,
        // Being worked on right now: by an earlier attempt of ours.
        (_, Reason::KeyInFlight) => Verdict::Retry(Retry {
            asked_ms: asked_ms.or(Some(FIRST_WAIT_MS)),
            may_have_arrived: true,
            offline: false,
            reason: Some(reason),
        }),
        (408 | 425 | 429, _) => retry(false),
        (500.., _) => retry(true),
        _ => Verdict::Refused { reason, detail },
    }
}

/// What it means that no authorization could be had.
pub(super) fn verdict_without_authorization(error: AuthorizerError) -> Verdict {
    match error {
        AuthorizerError::Call(CallError::Refused { code: Reason::UnknownDevice, detail, .. }) => {
            Verdict::Refused { reason: Reason::UnknownDevice, detail }
        }
        AuthorizerError::Call(CallError::Refused { code, retry_after_s, .. }) => {
            let asked_ms = retry_after_s.and_then(|s| i64::try_from(s).ok()).map(|s| s.saturating_mul(1000).min(LONGEST_ASKED_MS));
            Verdict::Retry(Retry { asked_ms, reason: Some(code), ..Retry::default() })
        }
        AuthorizerError::Call(CallError::Transport { .. }) => Verdict::Retry(Retry { offline: true, ..Retry::default() }),
        AuthorizerError::Platform(PlatformError::Locked) => Verdict::Retry(Retry { asked_ms: Some(FIRST_WAIT_MS), ..Retry::default() }),
        _ => Verdict::Retry(Retry::default()),
    }
}

/// How long to wait after attempt number `attempts`: doubled each time, and between half and the whole of that by `random`, so that a
/// thousand phones that lost the same server do not come back together. What the server asked for is never undercut.
pub(super) fn wait_ms(attempts: u32, asked_ms: Option<i64>, random: u32) -> i64 {
    let doubled = FIRST_WAIT_MS.saturating_mul(1i64.checked_shl(attempts.saturating_sub(1).min(20)).unwrap_or(1)).min(LONGEST_WAIT_MS);
    match asked_ms {
        Some(asked) => asked.max(0).saturating_add(share(asked / 10, random)),
        None => doubled / 2 + share(doubled / 2, random),
    }
}

fn share(of: i64, random: u32) -> i64 {
    // Within i64: `of` is at most a day in milliseconds.
    of.max(0).saturating_mul(i64::from(random)) / i64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::TransportError;

    fn refusal(status: u16, code: Reason) -> Verdict {
        verdict(Err(CallError::Refused { status, code, detail: "d".into(), retry_after_s: Some(3) }))
    }

    #[test]
    fn each_answer_has_one_meaning() {
        assert_eq!(refusal(401, Reason::TokenExpired), Verdict::FreshToken);
        assert_eq!(refusal(410, Reason::IntentExpired), Verdict::Expired);
        for (status, code) in [
            (401, Reason::UnknownDevice),
            (403, Reason::LinkRefused),
            (409, Reason::ReceiptConflict),
            (422, Reason::KeyReused),
            (410, Reason::Other),
        ] {
            assert_eq!(refusal(status, code), Verdict::Refused { reason: code, detail: "d".into() }, "{status}");
        }
        for (status, code, may_have_arrived) in [
            (409, Reason::KeyInFlight, true),
            (429, Reason::TooManyAttempts, false),
            (500, Reason::Internal, true),
            (503, Reason::Unavailable, true),
        ] {
            let expected = Retry { asked_ms: Some(3_000), may_have_arrived, offline: false, reason: Some(code) };
            assert_eq!(refusal(status, code), Verdict::Retry(expected), "{status}");
        }
        for (error, arrived) in [(TransportError::Offline, false), (TransportError::Timeout, true), (TransportError::Broken, true)] {
            let Verdict::Retry(retry) = verdict(Err(error.into())) else { panic!() };
            assert_eq!((retry.may_have_arrived, retry.offline), (arrived, !arrived));
        }
    }

    #[test]
    fn waits_grow_stay_within_bounds_and_respect_the_server() {
        for attempts in 0..200 {
            for random in [0, 1, u32::MAX / 2, u32::MAX] {
                let wait = wait_ms(attempts, None, random);
                assert!((FIRST_WAIT_MS / 2..=LONGEST_WAIT_MS).contains(&wait), "{attempts} {wait}");
                assert!(wait_ms(attempts, Some(60_000), random) >= 60_000);
            }
        }
        assert!(wait_ms(6, None, 0) > wait_ms(3, None, u32::MAX));
        assert_eq!(wait_ms(1, Some(LONGEST_ASKED_MS), u32::MAX), LONGEST_ASKED_MS + LONGEST_ASKED_MS / 10);
    }
}

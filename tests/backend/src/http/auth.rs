//! Who calls: an app by a short token, a till by its registered one, the operator by the one of the settings.

use axum::http::header::AUTHORIZATION;
use noren_rules::ids::{DeviceId, TillId};
use noren_rules::wire::Reason;
use subtle::ConstantTimeEq;

use crate::devices;
use crate::fault::{Fault, Refusal};
use crate::http::Call;
use crate::tills;
use crate::tokens;

/// An enrolled device that showed a good token.
#[derive(Debug, Clone)]
pub(crate) struct AppCaller {
    pub(crate) device: DeviceId,
}

/// A registered till.
#[derive(Debug, Clone)]
pub(crate) struct TillCaller {
    pub(crate) till: TillId,
}

/// Any of them.
#[derive(Debug, Clone)]
pub(crate) enum AnyCaller {
    App(AppCaller),
    Till(TillCaller),
    Operator,
}

impl Call {
    /// The device whose token this is.
    pub(crate) async fn app_caller(&self) -> Result<AppCaller, Refusal> {
        match self.any_caller().await? {
            AnyCaller::App(caller) => Ok(caller),
            _ => Err(Refusal::new(Reason::Forbidden, "this is for apps: a till's or operator's token may not do it")),
        }
    }

    /// The till whose token this is.
    pub(crate) async fn till_caller(&self) -> Result<TillCaller, Refusal> {
        match self.any_caller().await? {
            AnyCaller::Till(caller) => Ok(caller),
            _ => Err(Refusal::new(Reason::Forbidden, "this is for tills: an app's or operator's token may not do it")),
        }
    }

    /// Refuses everyone but the operator.
    pub(crate) async fn operator(&self) -> Result<(), Refusal> {
        match self.any_caller().await? {
            AnyCaller::Operator => Ok(()),
            _ => Err(Refusal::new(Reason::Forbidden, "this is for the operator's own systems: an app's or till's token may not do it")),
        }
    }

    pub(crate) async fn any_caller(&self) -> Result<AnyCaller, Refusal> {
        let token = self.bearer()?;
        if tokens::is_app_token(token) {
            let device = tokens::verify(&self.app, token)?;
            return self.enrolled(device).await.map(AnyCaller::App).map_err(Fault::into_refusal);
        }
        let hash = tills::token_hash(token);
        let operator = self.app.settings.operator_token().map(tills::token_hash);
        if operator.is_some_and(|operator| bool::from(operator.ct_eq(&hash))) {
            return Ok(AnyCaller::Operator);
        }
        let till = self.app.store.read(move |db| tills::find_by_token(db, &hash)).await.map_err(Fault::into_refusal)?;
        till.map(|till| AnyCaller::Till(TillCaller { till })).ok_or_else(unauthorized)
    }

    fn bearer(&self) -> Result<&str, Refusal> {
        let mut values = self.headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Err(unauthorized()) };
        let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(unauthorized)?;
        if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() { Ok(token) } else { Err(unauthorized()) }
    }

    async fn enrolled(&self, device: DeviceId) -> Result<AppCaller, Fault> {
        self.app
            .store
            .read(move |db| {
                devices::active(db, &device)?;
                Ok(AppCaller { device })
            })
            .await
    }
}

fn unauthorized() -> Refusal {
    Refusal::new(Reason::Unauthorized, "this needs a token: send Authorization: Bearer with one that this server gave or knows")
}

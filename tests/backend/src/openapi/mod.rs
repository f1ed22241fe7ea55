//! The contract as an OpenAPI document, made from the wire types and one table of operations.
//!
//! The table says what the types cannot: who may call, what a call is for, and how it can be refused. Tests compare it with the router.

mod operations;
mod orders;

use axum::response::Response;
use noren_rules::wire::{EXPIRES_AT, IDEMPOTENCY_KEY, PROBLEM_JSON, Problem, SERVER_TIME, paths};
use utoipa::ToSchema;
use utoipa::openapi::header::Header;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Ref, RefOr, Required,
    ResponseBuilder,
};

use crate::REPLAYED;
use crate::fault::Fault;
use crate::http::{Answer, Call, json};
use operations::operations;

const APP: &str = "app";
const TILL: &str = "till";
const OPERATOR: &str = "operator";

/// GET [`paths::OPENAPI`].
pub(crate) async fn get(_call: Call) -> Answer {
    let document: Result<Response, _> = json(&document());
    document.map_err(|refusal| Fault::Refused(refusal).into_refusal())
}

/// The contract: every path, its request and response, headers, security and refusals.
#[must_use]
pub fn document() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Noren reference backend")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "What a retailer's own systems must answer. Times are milliseconds since the Unix epoch, bytes base64url without padding. \
             Requests with unknown fields are refused; responses may gain fields.",
        ))
        .build();
    let mut schemas = Schemas::default();
    schemas.add::<Problem>();
    let mut items = PathsBuilder::new();
    for operation in operations().into_iter().chain(orders::operations()) {
        let method = if operation.is_post() { HttpMethod::Post } else { HttpMethod::Get };
        items = items.path(operation.path, PathItem::new(method, operation.describe(&mut schemas)));
    }
    OpenApiBuilder::new().info(info).paths(items.build()).components(Some(schemas.into_components())).build()
}

/// Who may call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Open,
    /// The proof is in the body.
    Proof,
    App,
    Till,
    Operator,
    TillOrOperator,
    Anyone,
}

type AddSchema = fn(&mut Schemas) -> RefOr<Schema>;

struct Operation {
    path: &'static str,
    summary: &'static str,
    access: Access,
    request: Option<AddSchema>,
    response: AddSchema,
    /// Of the response.
    media_type: &'static str,
    /// True when it is a write under an idempotency key.
    keyed: bool,
    /// Refusals beyond those of every call of its kind.
    refusals: &'static [(u16, &'static str)],
}

impl Operation {
    fn is_post(&self) -> bool {
        self.request.is_some()
    }

    fn describe(&self, schemas: &mut Schemas) -> OperationBuilder {
        let mut operation = OperationBuilder::new().summary(Some(self.summary)).operation_id(Some(self.id()));
        if let Some(request) = self.request {
            let content = ContentBuilder::new().schema(Some(request(schemas))).build();
            let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
            operation = operation.request_body(Some(body.build()));
        }
        for (name, required, description) in self.headers() {
            operation = operation.parameter(parameter(name, ParameterIn::Header, *required, description));
        }
        for (name, description) in self.query() {
            operation = operation.parameter(parameter(name, ParameterIn::Query, false, description));
        }
        let schemes: &[&str] = match self.access {
            Access::Open | Access::Proof => &[],
            Access::App => &[APP],
            Access::Till => &[TILL],
            Access::Operator => &[OPERATOR],
            Access::TillOrOperator => &[TILL, OPERATOR],
            Access::Anyone => &[APP, TILL, OPERATOR],
        };
        for scheme in schemes {
            operation = operation.security(SecurityRequirement::new(*scheme, Vec::<String>::new()));
        }
        let content = ContentBuilder::new().schema(Some((self.response)(schemas))).build();
        let mut done = with_time(ResponseBuilder::new().description("Done").content(self.media_type, content));
        if self.keyed {
            done = done.header(REPLAYED, header("`true` when the answer was given before under this key."));
        }
        if self.has_etag() {
            done = done.header("etag", header("Changes when anything in the answer does."));
            operation = operation.response("304", with_time(ResponseBuilder::new().description("Unchanged since that ETag.")).build());
        }
        operation = operation.response("200", done.build());
        for (status, description) in self.all_refusals() {
            operation = operation.response(status.to_string(), refusal(status, &description));
        }
        operation
    }

    fn has_etag(&self) -> bool {
        !self.is_post()
            && [paths::MEMBERSHIP, paths::WALLET, paths::FAVOURITES, paths::RANKING, paths::HOLDS, paths::ORDERS].contains(&self.path)
    }

    fn id(&self) -> String {
        let words = self.path.trim_matches('/').replace(['/', '-', '.'], "_");
        format!("{}_{words}", if self.is_post() { "post" } else { "get" })
    }

    fn headers(&self) -> &'static [(&'static str, bool, &'static str)] {
        if self.keyed {
            &[
                (IDEMPOTENCY_KEY, true, "The key under which the write has its effect once: 1 to 255 visible ASCII characters."),
                (EXPIRES_AT, false, "Server time in milliseconds after which the write must be refused; at most 60 days ahead."),
            ]
        } else if self.has_etag() {
            &[("if-none-match", false, "The ETag that the caller has.")]
        } else {
            &[]
        }
    }

    fn query(&self) -> &'static [(&'static str, &'static str)] {
        if self.is_post() {
            return &[];
        }
        match self.path {
            paths::RECEIPTS => {
                &[("cursor", "`next_cursor` of the page before; absent at the beginning."), ("limit", "1 to 500; 200 when absent.")]
            }
            paths::AREAS => &[
                ("tiles", "1 to 64 of `row.column@version`, with commas between; version 0 where none is known."),
                ("rules", "The version of the rules that the app has; absent without any."),
            ],
            paths::PRODUCTS => &[
                ("ids", "Ids of products, with commas between, each escaped as in a URL; with skus and gtins 200 in all."),
                ("skus", "Article codes, likewise."),
                ("gtins", "GTINs, likewise."),
                ("text", "Part of a title, a reading or a brand; instead of the others."),
                ("limit", "Of a search: 1 to 100; 20 when absent."),
            ],
            paths::RANKING => &[("store", "Only what this store sold; absent: all stores."), ("limit", "1 to 100; 20 when absent.")],
            paths::REVIEWS => &[
                ("product", "The product's id."),
                ("cursor", "`next` of the page before; absent at the beginning."),
                ("limit", "1 to 100; 20 when absent."),
            ],
            paths::STOCK => &[
                ("stores", "At most 200 of `store@version`, with commas between, each escaped as in a URL; version 0 where none is known."),
                ("limit", "Levels in all, 1 to 20,000; 5,000 when absent."),
            ],
            paths::OPERATOR_REACTIONS | paths::OPERATOR_CREDITS => {
                &[("from_ms", "The first millisecond that counts."), ("until_ms", "The first that does not any more.")]
            }
            paths::TILL_SELF_BASKETS => &[("code", "As it was scanned: 10 characters.")],
            paths::MENUS => &[("store", "The store.")],
            paths::MENU_STATUS => &[("stores", "1 to 20 ids, with commas between, each escaped as in a URL.")],
            paths::ORDER_ADD_ONS => &[("order", "The order.")],
            paths::OPERATOR_ORDER_REPORT => &[
                ("store", "The store."),
                ("from_ms", "The first millisecond of promised times that counts."),
                ("until_ms", "The first that does not any more, at most 32 days later."),
            ],
            paths::OPERATOR_FUNNEL => &[("offer", "The offer's number.")],
            _ => &[],
        }
    }

    /// What every call of its kind can be refused with, and its own; one entry a status.
    fn all_refusals(&self) -> std::collections::BTreeMap<u16, String> {
        let mut all = std::collections::BTreeMap::new();
        let mut add = |status: u16, description: &str| {
            all.insert(status, description.to_owned());
        };
        if !matches!(self.access, Access::Open | Access::Proof) {
            add(401, "unauthorized, token_expired or unknown_device");
            add(403, "forbidden: the token is of the other kind");
        }
        if self.is_post() || !self.query().is_empty() || self.has_etag() {
            add(400, if self.keyed { "key_missing, key_invalid or invalid_request" } else { "invalid_request" });
        }
        if self.is_post() {
            add(408, "invalid_request: the body did not arrive in time");
            add(413, "too_large: more than 2 MiB");
            add(415, "invalid_request: the body is no application/json");
        }
        if self.keyed {
            add(409, "key_in_flight: wait Retry-After seconds, send it again with the same key");
            add(410, "intent_expired: past its time, or its key was closed by a resolution");
            add(422, "key_reused: the key was used with another body");
        }
        add(500, "internal: try again later, with the same key");
        add(503, "unavailable: the server is stopping");
        for (status, description) in self.refusals {
            add(*status, description);
        }
        all
    }
}

fn parameter(name: &str, place: ParameterIn, required: bool, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(if required { Required::True } else { Required::False })
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).build()))
}

fn header(description: &str) -> Header {
    utoipa::openapi::header::HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).build()))
        .description(Some(description))
        .build()
}

fn with_time(response: ResponseBuilder) -> ResponseBuilder {
    response.header(SERVER_TIME, header("The server's clock in milliseconds."))
}

fn refusal(status: u16, description: &str) -> utoipa::openapi::Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let mut response = with_time(ResponseBuilder::new().description(description).content(PROBLEM_JSON, content));
    if matches!(status, 409 | 429 | 503) {
        response = response.header("retry-after", header("Seconds to wait before the next attempt."));
    }
    response.build()
}

/// The schemas that the operations use, each once.
#[derive(Default)]
struct Schemas(Vec<(String, RefOr<Schema>)>);

impl Schemas {
    fn add<T: ToSchema>(&mut self) -> RefOr<Schema> {
        self.0.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.0);
        Ref::from_schema_name(T::name()).into()
    }

    fn into_components(self) -> Components {
        let scheme = |format: &str, description: &str| {
            let http = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(format).description(Some(description));
            SecurityScheme::Http(http.build())
        };
        ComponentsBuilder::new()
            .schemas_from_iter(self.0)
            .security_scheme(APP, scheme("opaque", "From POST /v1/tokens, good for 15 minutes."))
            .security_scheme(TILL, scheme("opaque", "Of a registered till."))
            .security_scheme(OPERATOR, scheme("opaque", "Of the operator's own systems, from the server's settings."))
            .build()
    }
}

//! A Stripe of our own, over HTTP, written from its documented rules: payment intents, refunds, customers, payment methods, events, and
//! idempotency keys that keep their first answer, errors included; disputes, balance transactions with fees, payouts and what was in them. It
//! is deterministic, and does wrong what it is told to do wrong.
//!
//! [`money`] charges and refunds, [`balance`] keeps what it takes and pays out, [`disputes`] goes against it; [`http`] is the wire.

mod balance;
mod disputes;
pub mod http;
mod money;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What goes wrong with the next request that moves money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does not arrive.
    LostBefore,
    /// It is executed, and its answer does not arrive.
    LostAfter,
    /// It is executed, and no answer ever comes.
    HangsAfter,
    /// Nothing moves, and the key keeps the failure.
    ErrorBefore,
    /// It is executed, and the key keeps the failure.
    ErrorAfter,
    /// It is answered with a failure, which the key keeps, and executed ten minutes later all the same.
    ErrorThenLate,
    /// The key is in use; nothing is kept.
    Busy,
    /// Too many requests; nothing is kept.
    TooMany,
    /// It is executed, and the answer is no JSON.
    GarbageAfter,
    /// It is executed, and a proxy answers with a page of its own.
    PageAfter,
    /// The key of the account was revoked.
    Unauthorized,
    /// The request is refused as such.
    Invalid,
    /// The payment method is gone.
    NoSuchMethod,
}

pub type Params = BTreeMap<String, String>;
type Answer = (u16, Value);

/// Told of each request that moves money: whether it was executed already.
type Watch = Box<dyn FnMut(bool) + Send>;

#[derive(Default)]
pub struct State {
    pub intents: Vec<Value>,
    /// What the payment intents have moved.
    pub charges: Vec<Value>,
    pub refunds: Vec<Value>,
    pub disputes: Vec<Value>,
    pub payouts: Vec<Value>,
    /// What our balance changed by; newest last.
    pub transactions: Vec<Value>,
    /// Which payout a transaction was in.
    pub lines: HashMap<String, String>,
    pub customers: Vec<Value>,
    pub methods: HashMap<String, Value>,
    /// Newest last.
    pub events: Vec<Value>,
    pub faults: VecDeque<Fault>,
    /// Our key was revoked: nothing is let in.
    pub revoked: bool,
    /// What our restricted key may not do: methods and paths.
    pub forbidden: Vec<(&'static str, &'static str)>,
    /// What payments there are is not told for now.
    pub lists_hidden: bool,
    /// The search knows nothing yet of what has happened.
    pub search_lags: bool,
    /// So many more pages of the balance are told, and then errors.
    pub pages_left: Option<u32>,
    /// Keys with their parameters and their answers.
    pub keys: HashMap<String, (Params, Answer)>,
    /// Requests that moved money, or tried to: path, key.
    pub money: Vec<(String, String)>,
    /// What is now, in seconds.
    pub now: i64,
    pub requests: u64,
    name: String,
    watch: Option<Watch>,
    /// What is executed later: when, and what.
    late: Vec<(i64, String, Params)>,
}

/// The running fake.
#[derive(Clone)]
pub struct Fake {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Fake {
    pub async fn start(now: i64) -> Self {
        Self::start_named("", now).await
    }

    /// One whose ids are told from those of others by a name.
    pub async fn start_named(name: &str, now: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { now, name: name.to_owned(), ..State::default() }));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(http::serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next requests that move money go wrong.
    pub fn fail(&self, faults: &[Fault]) {
        self.state().faults.extend(faults);
    }

    /// Has somebody told of each request that moves money, before and after it is executed.
    pub fn watch(&self, watch: impl FnMut(bool) + Send + 'static) {
        self.state().watch = Some(Box::new(watch));
    }

    /// Carries out a refund that was answered with a failure, and gives its id.
    pub fn carry_out(&self, key: &str) -> String {
        let mut state = self.state();
        let params = state.keys[key].0.clone();
        let (_, answer) = state.execute("POST", "/v1/refunds", &params);
        answer["id"].as_str().unwrap().to_owned()
    }

    /// How many payment intents have moved money.
    pub fn captured(&self) -> usize {
        self.state().intents.iter().filter(|intent| intent["status"] == "succeeded").count()
    }

    /// What was given back.
    pub fn refunded(&self) -> i64 {
        self.state().refunds.iter().filter(|refund| refund["status"] == "succeeded").filter_map(|refund| refund["amount"].as_i64()).sum()
    }
}

enum Reply {
    Json(Answer),
    Text(u16, &'static str),
    Nothing,
    Never,
}

fn error(status: u16, kind: &str, code: Option<&str>) -> Answer {
    (status, json!({ "error": { "type": kind, "code": code, "message": "told to somebody@example.com" } }))
}

fn metadata(params: &Params) -> Value {
    let named =
        params.iter().filter_map(|(name, value)| Some((name.strip_prefix("metadata[")?.strip_suffix(']')?.to_owned(), json!(value))));
    Value::Object(named.collect())
}

fn number(params: &Params, name: &str) -> Option<i64> {
    params.get(name)?.parse().ok()
}

impl State {
    fn tell(&mut self, executed: bool) {
        if let Some(watch) = &mut self.watch {
            watch(executed);
        }
    }

    fn answer(&mut self, method: &str, path: &str, params: &Params, key: Option<&str>, fault: Option<Fault>) -> Reply {
        if self.revoked {
            return Reply::Json(error(401, "invalid_request_error", None));
        }
        if self.forbidden.iter().any(|(verb, what)| *verb == method && path.trim_start_matches("/v1/").starts_with(what)) {
            return Reply::Json(error(403, "invalid_request_error", Some("more_permissions_required")));
        }
        let now = self.now;
        let due: Vec<_> = self.late.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, path, params) in due {
            self.execute("POST", &path, &params);
        }
        match fault {
            Some(Fault::LostBefore) => return Reply::Nothing,
            Some(Fault::Busy) => return Reply::Json(error(409, "invalid_request_error", Some("idempotency_key_in_use"))),
            Some(Fault::TooMany) => return Reply::Json(error(429, "invalid_request_error", Some("rate_limit"))),
            Some(Fault::Invalid) => return Reply::Json(error(400, "invalid_request_error", Some("parameter_invalid_integer"))),
            Some(Fault::NoSuchMethod) => return Reply::Json(error(404, "invalid_request_error", Some("resource_missing"))),
            Some(Fault::Unauthorized) => return Reply::Json(error(401, "invalid_request_error", None)),
            _ => {}
        }
        if let Some((first, answer)) = key.and_then(|key| self.keys.get(key)) {
            let same = first == params;
            return Reply::Json(if same { answer.clone() } else { error(400, "idempotency_error", None) });
        }
        let answer = match fault {
            Some(Fault::ErrorBefore) => error(500, "api_error", None),
            Some(Fault::ErrorThenLate) => {
                self.late.push((self.now + LATE_SECONDS, path.to_owned(), params.clone()));
                error(500, "api_error", None)
            }
            Some(Fault::ErrorAfter) => {
                self.execute(method, path, params);
                error(500, "api_error", None)
            }
            _ => self.execute(method, path, params),
        };
        // What fails validation is not kept.
        if let Some(key) = key.filter(|_| answer.0 != 400 && answer.0 != 404) {
            self.keys.insert(key.to_owned(), (params.clone(), answer.clone()));
        }
        match fault {
            Some(Fault::LostAfter) => Reply::Nothing,
            Some(Fault::HangsAfter) => Reply::Never,
            Some(Fault::GarbageAfter) => Reply::Text(200, "{\"id\": \"pi_"),
            Some(Fault::PageAfter) => Reply::Text(502, "<html>Bad gateway</html>"),
            _ => Reply::Json(answer),
        }
    }

    fn execute(&mut self, method: &str, path: &str, params: &Params) -> Answer {
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        match (method, parts.as_slice()) {
            ("POST", ["payment_intents"]) => self.charge(params),
            ("GET", ["payment_intents"]) if self.lists_hidden => error(500, "api_error", None),
            ("GET", ["payment_intents"]) => {
                let customer = params.get("customer").cloned();
                page(&self.intents, params, |intent| customer.as_ref().is_none_or(|id| intent["customer"] == id.as_str()))
            }
            ("GET", ["payment_intents", "search"]) if self.search_lags => page(&[], params, |_| true),
            ("GET", ["payment_intents", "search"]) => {
                let wanted = params["query"].clone();
                page(&self.intents, params, |intent| wanted.contains(intent["metadata"]["kasacare_charge"].as_str().unwrap_or("?")))
            }
            ("POST", ["refunds"]) => self.refund(params),
            ("GET", ["refunds"]) => {
                let of = params.get("payment_intent").cloned();
                page(&self.refunds, params, |refund| of.as_ref().is_none_or(|id| refund["payment_intent"] == id.as_str()))
            }
            ("POST", ["customers"]) => {
                let id = format!("cus_{}", self.customers.len() + 1);
                self.customers.push(json!({ "id": id, "object": "customer", "metadata": metadata(params) }));
                (200, self.customers.last().unwrap().clone())
            }
            ("GET", ["payment_methods", id]) => {
                let method = self.methods.entry((*id).to_owned());
                (200, method.or_insert_with(|| json!({ "id": id, "object": "payment_method", "customer": null })).clone())
            }
            ("POST", ["payment_methods", id, "attach"]) => {
                let method = self.methods.get_mut(*id).expect("it was asked for first");
                method["customer"] = json!(params["customer"]);
                (200, method.clone())
            }
            ("GET", ["balance_transactions"]) => self.list_transactions(params),
            ("GET", ["payouts"]) => page(&self.payouts, params, |_| true),
            ("GET", ["payouts", id]) => match self.payouts.iter().find(|payout| payout["id"] == *id) {
                Some(payout) => (200, payout.clone()),
                None => error(404, "invalid_request_error", Some("resource_missing")),
            },
            ("GET", ["events"]) => page(&self.events, params, |_| true),
            ("GET", ["account"]) => (200, json!({ "id": "acct_1Kasa", "charges_enabled": true, "payouts_enabled": true })),
            ("GET", ["webhook_endpoints"]) => (
                200,
                json!({ "object": "list", "has_more": false, "data": [
                { "id": "we_1", "url": "https://kasa.example/webhooks/stripe", "status": "enabled", "api_version": "2026-09-30.endive",
                  "enabled_events": ["*"] }
            ] }),
            ),
            _ => error(404, "invalid_request_error", Some("resource_missing")),
        }
    }

    fn happened(&mut self, kind: &str, object: &Value) {
        let id = format!("evt_{}{:05}", self.name, self.events.len() + 1);
        let data = json!({ "object": object });
        let created = self.now;
        self.events.push(json!({
            "id": id, "object": "event", "api_version": "2026-09-30.endive", "created": created, "livemode": false,
            "pending_webhooks": 1, "request": null, "type": kind, "data": data,
        }));
    }
}

/// A page, the newest first.
fn page(all: &[Value], params: &Params, is_it: impl Fn(&Value) -> bool) -> Answer {
    let since = number(params, "created[gte]").unwrap_or(0);
    let until = number(params, "created[lt]").unwrap_or(i64::MAX);
    // What has no date is listed always.
    let is_then = |one: &Value| one["created"].as_i64().is_none_or(|created| (since..until).contains(&created));
    let mut found: Vec<&Value> = all.iter().rev().filter(|one| is_it(one) && is_then(one)).collect();
    if let Some(after) = params.get("starting_after") {
        let position = found.iter().position(|one| one["id"] == after.as_str()).expect("a cursor of this list");
        found.drain(..=position);
    }
    let limit = usize::try_from(number(params, "limit").unwrap_or(10)).unwrap().min(PAGE_MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    (200, json!({ "object": "list", "has_more": more, "data": found }))
}

/// How much later something is executed that was answered with a failure.
const LATE_SECONDS: i64 = 600;

/// Short pages, so that there are several of them.
const PAGE_MAX: usize = 7;

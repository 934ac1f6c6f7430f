//! A Stripe of our own, over HTTP, written from its documented rules: payment intents, refunds, customers, payment methods, events, and
//! idempotency keys that keep their first answer, errors included. It is deterministic, and does wrong what it is told to do wrong.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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
}

type Params = BTreeMap<String, String>;
type Answer = (u16, Value);

/// Told of each request that moves money: whether it was executed already.
type Watch = Box<dyn FnMut(bool) + Send>;

#[derive(Default)]
pub struct State {
    pub intents: Vec<Value>,
    pub refunds: Vec<Value>,
    pub customers: Vec<Value>,
    pub methods: HashMap<String, Value>,
    /// Newest last.
    pub events: Vec<Value>,
    pub faults: VecDeque<Fault>,
    /// Keys with their parameters and their answers.
    pub keys: HashMap<String, (Params, Answer)>,
    /// Requests that moved money, or tried to: path, key.
    pub money: Vec<(String, String)>,
    /// What is now, in seconds.
    pub now: i64,
    pub requests: u64,
    name: String,
    watch: Option<Watch>,
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
                tokio::spawn(serve(stream, Arc::clone(&shared)));
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

    /// How many payment intents have moved money.
    pub fn captured(&self) -> usize {
        self.state().intents.iter().filter(|intent| intent["status"] == "succeeded").count()
    }

    /// What was given back.
    pub fn refunded(&self) -> i64 {
        self.state().refunds.iter().filter(|refund| refund["status"] == "succeeded").filter_map(|refund| refund["amount"].as_i64()).sum()
    }
}

/// One request a connection, as async-stripe makes them.
async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some((head, body)) = request(&mut stream).await else { return };
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let header = |name: &str| {
        let found = head.lines().skip(1).filter_map(|line| line.split_once(": ")).find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned())
    };
    let (path, query) = target.split_once('?').unwrap_or((target.as_str(), ""));
    let params = form(if method == "GET" { query } else { &body });
    let key = header("idempotency-key");
    let moves_money = method == "POST" && ["/v1/payment_intents", "/v1/refunds"].contains(&path);
    let outcome = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests += 1;
        if moves_money {
            let key = key.clone().unwrap_or_default();
            state.money.push((path.to_owned(), key));
            state.tell(false);
        }
        let fault = if moves_money { state.faults.pop_front() } else { None };
        let answered = state.answer(&method, path, &params, key.as_deref(), fault);
        if moves_money {
            state.tell(true);
        }
        answered
    };
    let (status, text) = match outcome {
        Reply::Json((status, value)) => (status, value.to_string()),
        Reply::Text(status, text) => (status, text.to_owned()),
        Reply::Nothing => return,
        Reply::Never => {
            tokio::time::sleep(std::time::Duration::from_mins(10)).await;
            return;
        }
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nDate: Mon, 30 Nov 2026 03:00:00 GMT\r\nConnection: close\r\n\r\n",
        text.len()
    );
    let _ = stream.write_all(format!("{head}{text}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let length: usize = length.map_or(0, |text| text.trim().parse().unwrap());
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, String::from_utf8_lossy(&bytes[end..]).into_owned()))
}

fn form(text: &str) -> Params {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
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
        match fault {
            Some(Fault::LostBefore) => return Reply::Nothing,
            Some(Fault::Busy) => return Reply::Json(error(409, "invalid_request_error", Some("idempotency_key_in_use"))),
            Some(Fault::TooMany) => return Reply::Json(error(429, "invalid_request_error", Some("rate_limit"))),
            Some(Fault::Unauthorized) => return Reply::Json(error(401, "invalid_request_error", None)),
            _ => {}
        }
        if let Some((first, answer)) = key.and_then(|key| self.keys.get(key)) {
            let same = first == params;
            return Reply::Json(if same { answer.clone() } else { error(400, "idempotency_error", None) });
        }
        let answer = match fault {
            Some(Fault::ErrorBefore) => error(500, "api_error", None),
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
            ("GET", ["payment_intents"]) => {
                let customer = params.get("customer").cloned();
                page(&self.intents, params, |intent| customer.as_ref().is_none_or(|id| intent["customer"] == id.as_str()))
            }
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

    /// What a method does is in its name: `pm_decline_CODE…` is declined, `pm_other_amount…` moves 1.00 less.
    fn charge(&mut self, params: &Params) -> Answer {
        for (name, value) in [("off_session", "true"), ("confirm", "true"), ("error_on_requires_action", "true")] {
            assert_eq!(params.get(name).map(String::as_str), Some(value), "{name}");
        }
        let (method, customer) = (&params["payment_method"], &params["customer"]);
        let known = &self.methods.get(method).map_or(Value::Null, |known| known["customer"].clone());
        if *known != Value::Null && *known != customer.as_str() {
            return error(400, "invalid_request_error", None);
        }
        let amount = number(params, "amount").unwrap();
        let received = if method.starts_with("pm_other_amount") { amount - 100 } else { amount };
        let mut intent = json!({
            "id": format!("pi_{}{:05}", self.name, self.intents.len() + 1), "object": "payment_intent", "amount": amount, "amount_received": received,
            "currency": params["currency"], "customer": customer, "status": "succeeded", "created": self.now,
            "last_payment_error": null, "metadata": metadata(params),
        });
        if let Some(code) = method.strip_prefix("pm_decline_") {
            let code = code.split('-').next().unwrap_or_default();
            let cause = json!({ "type": "card_error", "code": "card_declined", "decline_code": code });
            intent["status"] = json!("requires_payment_method");
            intent["amount_received"] = json!(0);
            intent["last_payment_error"].clone_from(&cause);
            self.intents.push(intent.clone());
            self.happened("payment_intent.payment_failed", &intent);
            return (402, json!({ "error": cause }));
        }
        self.intents.push(intent.clone());
        self.happened("payment_intent.succeeded", &intent);
        (200, intent)
    }

    fn refund(&mut self, params: &Params) -> Answer {
        let (of, amount) = (&params["payment_intent"], number(params, "amount").unwrap());
        let Some(intent) = self.intents.iter().find(|intent| intent["id"] == of.as_str()) else {
            return error(404, "invalid_request_error", Some("resource_missing"));
        };
        let given: i64 =
            self.refunds.iter().filter(|refund| refund["payment_intent"] == of.as_str()).filter_map(|one| one["amount"].as_i64()).sum();
        if given + amount > intent["amount_received"].as_i64().unwrap() {
            return error(400, "invalid_request_error", Some("charge_already_refunded"));
        }
        let refund = json!({
            "id": format!("re_{}{:05}", self.name, self.refunds.len() + 1), "object": "refund", "amount": amount, "currency": intent["currency"],
            "payment_intent": of, "charge": null, "status": "succeeded", "created": self.now, "metadata": metadata(params),
        });
        self.refunds.push(refund.clone());
        self.happened("refund.created", &refund);
        (200, refund)
    }
}

/// A page, the newest first.
fn page(all: &[Value], params: &Params, is_it: impl Fn(&Value) -> bool) -> Answer {
    let since = number(params, "created[gte]").unwrap_or(0);
    let mut found: Vec<&Value> = all.iter().rev().filter(|one| is_it(one) && one["created"].as_i64().unwrap_or(0) >= since).collect();
    if let Some(after) = params.get("starting_after") {
        let position = found.iter().position(|one| one["id"] == after.as_str()).expect("a cursor of this list");
        found.drain(..=position);
    }
    let limit = usize::try_from(number(params, "limit").unwrap_or(10)).unwrap().min(PAGE_MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    (200, json!({ "object": "list", "has_more": more, "data": found }))
}

/// Short pages, so that there are several of them.
const PAGE_MAX: usize = 7;

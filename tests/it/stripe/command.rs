//! Real money from the command line, against the fake: whose money it is, what is refused, and what survives a kill between any two
//! steps (F01, F16, F17, I1).

use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::fake::{Fake, Fault};
use super::number;
use crate::cli::shop::Shop;
use crate::world::town::noon;
use crate::world::{TestDb, on_both};

pub const KEY: &str = "sk_test_4eC39HqLyjWDarjtT1zdp7dc";
const JOINED: &str = "2026-01-31";

/// When the runs of these tests take place, in seconds.
pub fn evening() -> i64 {
    noon(JOINED).timestamp() + 12 * 3_600 - 1
}

/// The program with Stripe's key and address in its environment.
pub fn program(db: &TestDb, fake: &Fake, key: &str, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kasacare"));
    command.args(line.split_whitespace()).env("KASACARE_DB", db.url()).env("KASACARE_LOG", "error").env_remove("RUST_BACKTRACE");
    command.env("KASACARE_STRIPE_SECRET_KEY", key).env("KASACARE_STRIPE_URL", fake.url()).env("KASACARE_STRIPE_RATE", "1000");
    command.stdin(Stdio::null());
    command
}

pub fn ended(output: &Output, code: i32, words: &str) {
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(words), "no `{words}` in {said}");
    assert!(!said.contains("4eC39HqLyjWDarjtT1zdp7dc"), "the key was printed: {said}");
}

pub async fn runs(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn run_line(shop: &Shop) -> String {
    format!("run --once --as-of {JOINED} --mail-dir {}", shop.path("mail").display())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_belongs_to_one_account_and_one_mode() {
    on_both(async |db| {
        let fake = Fake::start(evening()).await;
        let shop = Shop::open(db.clone());
        shop.does(&format!("subscribe us plus/annual --camera us-c1 --as-of {JOINED}"));
        let run = run_line(&shop);
        let said = runs(program(&db, &fake, KEY, &run)).await;
        ended(&said, 0, "charges captured");
        // F44: the fake's clock stands still.
        ended(&said, 0, "this machine's clock is not Stripe's");
        assert_eq!(fake.captured(), 1);
        shop.does("check");

        ended(&runs(program(&db, &fake, "sk_live_4eC39HqLyjWDarjtT1zdp7dc", &run)).await, 2, "no money is moved");
        ended(&runs(program(&db, &fake, "whsec_4eC39HqLyjWDarjtT1zdp7dc", &run)).await, 2, "webhook endpoint");
        ended(&runs(program(&db, &fake, " ", &run)).await, 2, "blank");
        shop.says(&run).fails(2, "KASACARE_STRIPE_SECRET_KEY");
        ended(&runs(program(&db, &fake, KEY, "run --once --as-of 2099-01-01")).await, 2, "future");
        assert_eq!(fake.captured(), 1);

        // A card that is put on file is attached to the customer who is there.
        let replace = "payment-method us --token pm_next --label Visa --expires 2031-12 --as-of 2026-02-01";
        ended(&runs(program(&db, &fake, KEY, replace)).await, 0, "Done");
        assert_eq!(number(&db, "select count(*) from accounts where method_token = 'cus_1:pm_next'").await, 1);
        let check = runs(program(&db, &fake, KEY, "stripe check --format json")).await;
        let said: serde_json::Value = serde_json::from_slice(&check.stdout).unwrap();
        let is = |what: &str| {
            let all = said["checks"].as_array().unwrap();
            all.iter().find(|line| line["what"] == what).map(|line| line["is"].as_str().unwrap().to_owned())
        };
        for what in ["key", "account", "database", "endpoint", "events", "balance", "payouts", "payments", "refunds"] {
            assert_eq!(is(what).as_deref(), Some("right"), "{what}: {said}");
        }
        assert_eq!((is("webhook secret").as_deref(), check.status.code()), (Some("wrong"), Some(1)), "none is set here: {said}");
        // A restricted key that may not read what has moved.
        fake.state().forbidden = vec![("GET", "balance_transactions"), ("GET", "payouts")];
        let check = runs(program(&db, &fake, KEY, "stripe check")).await;
        ended(&check, 1, "give the restricted key");
        let said = String::from_utf8(check.stdout).unwrap();
        let wrong = |what: &str| said.lines().any(|line| line.contains(what) && line.contains("wrong"));
        assert!(wrong("balance") && wrong("payouts") && !wrong("events") && !wrong("refunds"), "{said}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulated_money_never_becomes_real() {
    on_both(async |db| {
        let fake = Fake::start(evening()).await;
        let shop = Shop::open(db.clone());
        shop.does(&format!("subscribe us plus/annual --camera us-c1 --as-of {JOINED}"));
        shop.runs(JOINED);
        ended(&runs(program(&db, &fake, KEY, &run_line(&shop))).await, 2, "simulated provider");
        assert_eq!(fake.state().money.len(), 0);
    })
    .await;
}

/// When the runner is killed.
#[derive(Debug, Clone, Copy)]
pub enum Kill {
    /// The call has arrived, and nothing has been done.
    BeforeItIsExecuted,
    /// The money has moved, and there is no answer.
    BeforeItsAnswer,
    /// The answer is out, so many milliseconds ago.
    After(u64),
}

/// A run that is killed when its first call that moves money is where it is said.
pub async fn killed(db: &TestDb, fake: &Fake, line: &str, when: Kill) {
    if matches!(when, Kill::BeforeItIsExecuted) {
        fake.fail(&[Fault::LostBefore]);
    }
    let run: Child = program(db, fake, KEY, line).stdout(Stdio::null()).spawn().unwrap();
    let id = run.id().to_string();
    let mut armed = true;
    fake.watch(move |executed| {
        let kill = |id: &str| drop(Command::new("kill").args(["-KILL", id]).output());
        let due = match when {
            Kill::BeforeItIsExecuted => !executed,
            Kill::BeforeItsAnswer | Kill::After(_) => executed,
        };
        if !due || !std::mem::take(&mut armed) {
            return;
        }
        if let Kill::After(milliseconds) = when {
            let id = id.clone();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(milliseconds));
                kill(&id);
            });
        } else {
            kill(&id);
        }
    });
    let run = Arc::new(Mutex::new(run));
    tokio::task::spawn_blocking(move || run.lock().unwrap().wait().unwrap()).await.unwrap();
    fake.watch(|_| {});
}

/// Before, between and after the call and its answer, and while that is being settled.
pub const KILLS: [Kill; 6] =
    [Kill::BeforeItIsExecuted, Kill::BeforeItsAnswer, Kill::After(0), Kill::After(4), Kill::After(15), Kill::After(60)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_any_two_steps_nobody_is_charged_twice() {
    on_both(async |db| {
        let fake = Fake::start(evening()).await;
        let shop = Shop::open(db.clone());
        let run = run_line(&shop);
        let customers = [("us", "USD"), ("de", "EUR"), ("jp", "JPY"), ("late", "USD")];
        for (number, when) in KILLS.into_iter().enumerate() {
            let (customer, _) = customers[number % customers.len()];
            let camera = 1 + number / customers.len();
            shop.does(&format!("subscribe {customer} plus/annual --camera {customer}-c{camera} --as-of {JOINED}"));
            killed(&db, &fake, &run, when).await;
            ended(&runs(program(&db, &fake, KEY, &run)).await, 0, "");
            assert_eq!(fake.captured(), number + 1, "{when:?}");
        }
        let settled = "select count(*) from charges where state = 'succeeded'";
        assert_eq!(number(&db, settled).await, 6);
        assert_eq!(number(&db, "select count(*) from charges where state <> 'succeeded'").await, 0);
        shop.does("check");
    })
    .await;
}

/// By hand what `run` does by itself: fees and payouts, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_moved_is_fetched_by_hand() {
    on_both(async |db| {
        let fake = Fake::start(evening()).await;
        let shop = Shop::open(db.clone());
        shop.says("settlement fetch").fails(2, "has no list of what has moved");
        assert!(shop.does("settlement fetch --help").contains("Examples:"));
        shop.does(&format!("subscribe us plus/annual --camera us-c1 --as-of {JOINED}"));
        ended(&runs(program(&db, &fake, KEY, &run_line(&shop))).await, 0, "charges captured");
        fake.pay_out();
        fake.move_otherwise("climate_order_purchase", -100);
        let fetch = "--format json settlement fetch --by ana --as-of 2026-02-01T01:00:00Z";
        let said = runs(program(&db, &fake, KEY, fetch)).await;
        // Something waits for a person.
        ended(&said, 1, "\"in_inbox\": 1");
        let shown: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
        let of = |what: &str| shown[what].as_u64().unwrap();
        // The payout, and what nobody knows; the run has fetched its charge itself.
        assert_eq!([of("movements"), of("payouts"), of("payout_lines"), of("unknown_categories")], [2, 1, 1, 1]);
        let again = runs(program(&db, &fake, KEY, &format!("{fetch} --since {JOINED}"))).await;
        ended(&again, 0, "\"movements\": 0");
        assert!(shop.does("settlement list").contains("fetched from stripe"));
        let run = "run --once --as-of 2026-02-01T01:10:00Z";
        ended(&runs(program(&db, &fake, KEY, &format!("{run} --mail-dir {}", shop.path("mail").display()))).await, 0, "");
        // Exit code 1: something waits.
        assert!(shop.says("inbox list").code(1).out.contains("balance_movement"));
        shop.does("check");
    })
    .await;
}

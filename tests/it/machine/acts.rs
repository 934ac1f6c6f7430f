//! What customers, card holders, operators and the calendar may do, and how sequences of it are made up.
//!
//! A step names its object by a number that is counted off at the account as it then is, the live ones first. So a step always
//! means something, and a sequence can be shortened without becoming another one.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

/// How many accounts live side by side.
pub const ACCOUNTS: usize = 3;

const PLANS: [&str; 4] = ["plus/monthly", "plus/annual", "premium/monthly", "premium/annual"];

/// Cards of the simulated provider, from good to bad, so that a failing sequence shrinks to good ones. `tok_500` is not here: the
/// account that keeps such a card is parked, as it should be, and a parked account has little more to show.
const CARDS: [&str; 12] = [
    "tok_ok",
    "tok_timeout",
    "tok_lost_1",
    "tok_500_moved",
    "tok_pending_3",
    "tok_refund_fails",
    "tok_refund_fails_later_2",
    "tok_refund_pending_fails_2",
    "tok_insufficient_2",
    "tok_pending_declined_2",
    "tok_insufficient",
    "tok_stolen",
];

const CODES: [&str; 3] = ["WELCOME20", "HALF3", "LOYAL"];

/// One step of a sequence.
#[derive(Debug, Clone)]
pub enum Act {
    /// Days pass, and then the jobs run once: a late run where something was due before.
    Wait(u16),
    /// Time passes until the next subscription is due, and the jobs run.
    WaitForDue,
    /// Somebody asks for something.
    Ask(usize, Ask),
}

/// What is asked for. Numbers count objects of the account, or are amounts in minor units.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Plan, camera, promotion code.
    Subscribe(&'static str, u8, Option<&'static str>),
    /// Plan, camera.
    Trial(&'static str, u8),
    Cancel(u8),
    /// Subscription, plan, camera.
    ChangePlan(u8, &'static str, u8),
    Resume(u8),
    TransferCamera(u8),
    /// Subscription, code.
    Promotion(u8, &'static str),
    Card(&'static str),
    Suspend(u8),
    Reinstate(u8),
    /// Subscription, whether for a breach.
    Terminate(u8, bool),
    CancelUnpaid(u8),
    CancelOrder(u8),
    /// Invoice, the right net fee in per cent of the list price.
    Correct(u8, u8),
    Credit(i64),
    CollectionCost(i64),
    /// Invoice.
    WriteOff(u8),
    /// Whether what was missed is waived.
    Release(bool),
    /// Charge, per cent of it: the card holder disputes.
    OpenDispute(u8, u8),
    /// Charge, whether we win.
    EndDispute(u8, bool),
    /// Refund: it comes back from the card's bank.
    FailRefund(u8),
}

impl Ask {
    /// Whether it is given to the engine. The others happen at the provider.
    pub const fn is_a_command(&self) -> bool {
        !matches!(self, Self::OpenDispute(..) | Self::EndDispute(..) | Self::FailRefund(_))
    }
}

/// How far a made-up sequence has come: who has ordered anything, since most steps are idle before that.
#[derive(Debug, Clone, Default)]
pub struct Plot {
    ordered: [bool; ACCOUNTS],
}

impl ReferenceStateMachine for Plot {
    type State = Self;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Act> {
        let ordered = state.ordered;
        let ask = (0..ACCOUNTS).prop_flat_map(move |who| {
            let ask =
                if ordered[who] { prop_oneof![2 => orders(), 9 => customers(), 7 => operators(), 3 => banks()].boxed() } else { orders() };
            ask.prop_map(move |ask| Act::Ask(who, ask))
        });
        let wait = prop_oneof![3 => Just(0_u16), 3 => 1..4_u16, 2 => 4..16_u16, 1 => 16..41_u16].prop_map(Act::Wait);
        prop_oneof![5 => wait, 3 => Just(Act::WaitForDue), 10 => ask].boxed()
    }

    fn apply(mut state: Self, act: &Act) -> Self {
        if let Act::Ask(who, Ask::Subscribe(..) | Ask::Trial(..)) = act {
            state.ordered[*who] = true;
        }
        state
    }
}

fn plan() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(PLANS.as_slice())
}

fn code() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(CODES.as_slice())
}

fn camera() -> impl Strategy<Value = u8> {
    1..4_u8
}

/// The first two of anything are asked about most.
fn nth() -> impl Strategy<Value = u8> {
    prop_oneof![6 => Just(0_u8), 2 => Just(1), 1 => 2..5_u8]
}

fn orders() -> BoxedStrategy<Ask> {
    prop_oneof![
        5 => (plan(), camera(), prop_oneof![2 => Just(None), 1 => code().prop_map(Some)]).prop_map(|(plan, camera, code)| Ask::Subscribe(plan, camera, code)),
        1 => (plan(), camera()).prop_map(|(plan, camera)| Ask::Trial(plan, camera)),
    ]
    .boxed()
}

fn customers() -> BoxedStrategy<Ask> {
    prop_oneof![
        3 => nth().prop_map(Ask::Cancel),
        6 => (nth(), plan(), camera()).prop_map(|(nth, plan, camera)| Ask::ChangePlan(nth, plan, camera)),
        2 => nth().prop_map(Ask::Resume),
        1 => camera().prop_map(Ask::TransferCamera),
        1 => (nth(), code()).prop_map(|(nth, code)| Ask::Promotion(nth, code)),
        4 => proptest::sample::select(CARDS.as_slice()).prop_map(Ask::Card),
    ]
    .boxed()
}

fn operators() -> BoxedStrategy<Ask> {
    prop_oneof![
        3 => nth().prop_map(Ask::Suspend),
        4 => nth().prop_map(Ask::Reinstate),
        1 => (nth(), any::<bool>()).prop_map(|(nth, breach)| Ask::Terminate(nth, breach)),
        2 => nth().prop_map(Ask::CancelUnpaid),
        1 => nth().prop_map(Ask::CancelOrder),
        6 => (nth(), proptest::sample::select([0_u8, 50, 80, 99, 100, 101, 130].as_slice())).prop_map(|(nth, percent)| Ask::Correct(nth, percent)),
        2 => (1..3_000_i64).prop_map(Ask::Credit),
        1 => (1..3_000_i64).prop_map(Ask::CollectionCost),
        2 => nth().prop_map(Ask::WriteOff),
        1 => any::<bool>().prop_map(Ask::Release),
    ]
    .boxed()
}

fn banks() -> BoxedStrategy<Ask> {
    prop_oneof![
        3 => (nth(), proptest::sample::select([100_u8, 40].as_slice())).prop_map(|(nth, percent)| Ask::OpenDispute(nth, percent)),
        3 => (nth(), any::<bool>()).prop_map(|(nth, won)| Ask::EndDispute(nth, won)),
        1 => nth().prop_map(Ask::FailRefund),
    ]
    .boxed()
}

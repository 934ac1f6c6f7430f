//! The form of a catalog: which keys there are, and what their values are made of.

use super::fields::date;
use super::form::{Form, Node};
use super::problem::Problem;
use crate::domain::catalog::{BadPlan, Catalog, Plan, Price, PriceVersion, Tier};
use crate::domain::money::{Money, Rate};
use crate::domain::promotion::{Discount, Duration, Promotion};

/// Reads a catalog.
pub(super) fn catalog(form: &mut Form<'_>, node: &Node<'_>) -> Option<Catalog> {
    let mut members = form.object(node)?;
    let of = &mut members;
    let seller = form.required(of, "seller", Form::text);
    let free_history_days = form.required(of, "free_history_days", Form::number);
    let tiers = form.required(of, "tiers", |form, node| form.list(node, tier));
    let versions = form.required(of, "versions", |form, node| form.list(node, version));
    let promotions = form.defaulting(of, "promotions", Vec::new(), |form, node| form.list(node, promotion));
    form.end(&members);
    Some(Catalog { seller: seller?, free_history_days: free_history_days?, tiers: tiers?, versions: versions?, promotions: promotions? })
}

fn tier(form: &mut Form<'_>, node: &Node<'_>) -> Option<Tier> {
    let mut members = form.object(node)?;
    let of = &mut members;
    let name = form.required(of, "name", Form::text);
    let title = form.required(of, "title", Form::text);
    let rank = form.required(of, "rank", Form::number);
    let covers = form.required(of, "covers", Form::word);
    let cameras_max = form.required(of, "cameras_max", Form::number);
    let history_days = form.required(of, "history_days", Form::number);
    let trial_days = form.required(of, "trial_days", Form::number);
    form.end(&members);
    Some(Tier {
        name: name?,
        title: title?,
        rank: rank?,
        covers: covers?,
        cameras_max: cameras_max?,
        history_days: history_days?,
        trial_days: trial_days?,
    })
}

fn version(form: &mut Form<'_>, node: &Node<'_>) -> Option<PriceVersion> {
    let mut members = form.object(node)?;
    let of = &mut members;
    let version = form.required(of, "version", Form::text);
    let effective_from = form.required(of, "effective_from", |form, node| form.parsed(node, date));
    let prices = form.required(of, "prices", |form, node| form.list(node, price));
    form.end(&members);
    Some(PriceVersion { version: version?, effective_from: effective_from?, prices: prices? })
}

fn price(form: &mut Form<'_>, node: &Node<'_>) -> Option<Price> {
    let mut members = form.object(node)?;
    let plan = form.required(&mut members, "plan", plan);
    let amount = form.required(&mut members, "amount", amount);
    form.end(&members);
    Some(Price { plan: plan?, amount: amount? })
}

fn plan(form: &mut Form<'_>, node: &Node<'_>) -> Option<Plan> {
    form.parsed(node, |text| text.parse().map_err(|bad: BadPlan| Problem::Rule(bad.to_string())))
}

fn amount(form: &mut Form<'_>, node: &Node<'_>) -> Option<Money> {
    form.parsed(node, |text| {
        if text.contains(' ') { Ok(text.parse()?) } else { Err(Problem::not_a("an amount with its currency, like 9.99 USD")) }
    })
}

fn promotion(form: &mut Form<'_>, node: &Node<'_>) -> Option<Promotion> {
    let mut members = form.object(node)?;
    let of = &mut members;
    let code = form.required(of, "code", Form::text);
    let off = form.required(of, "off", off);
    let duration = form.required(of, "duration", duration);
    let plans = form.defaulting(of, "plans", None, |form, node| form.list(node, plan).map(Some));
    let expires_on = form.defaulting(of, "expires_on", None, |form, node| form.parsed(node, date).map(Some));
    let max_uses = form.defaulting(of, "max_uses", None, |form, node| form.number(node).map(Some));
    form.end(&members);
    Some(Promotion {
        code: code?,
        off: off?,
        duration: duration?,
        plans: plans?.map(|plans| plans.into_iter().collect()),
        expires_on: expires_on?,
        max_uses: max_uses?,
    })
}

fn off(form: &mut Form<'_>, node: &Node<'_>) -> Option<Discount> {
    let mut members = form.object(node)?;
    let (percent, amounts) = (members.get("percent_off"), members.get("amount_off"));
    if percent.is_some() == amounts.is_some() {
        form.note(node, Problem::Rule("must have one key, percent_off or amount_off".to_owned()));
        return None;
    }
    let rate = |form: &mut Form<'_>, node: &Node<'_>| form.parsed(node, |text| Ok(Some(Rate::parse(text)?)));
    let percent_off = form.defaulting(&mut members, "percent_off", None, rate);
    let amount_off = form.defaulting(&mut members, "amount_off", None, |form, node| form.list(node, amount).map(Some));
    form.end(&members);
    match (percent_off?, amount_off?) {
        (Some(rate), _) => Some(Discount::PercentOff(rate)),
        (None, Some(amounts)) => Some(Discount::AmountOff(amounts)),
        (None, None) => {
            form.note(node, Problem::Missing);
            None
        }
    }
}

fn duration(form: &mut Form<'_>, node: &Node<'_>) -> Option<Duration> {
    const FORMS: &str = "\"once\", \"forever\", or {\"periods\": N}";
    match node.as_text() {
        Some("once") => Some(Duration::Once),
        Some("forever") => Some(Duration::Forever),
        Some(_) => form.parsed(node, |_| Err(Problem::not_a(FORMS))),
        None => {
            let mut members = form.object(node)?;
            let periods = form.required(&mut members, "periods", Form::number);
            form.end(&members);
            periods.map(Duration::Periods)
        }
    }
}

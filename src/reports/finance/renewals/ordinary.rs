//! Ordinary accounts: no credit, no trial, no change of plan to come, no charge under way. What such a
//! subscription will be billed follows from a few columns, and many have the same in all of them: it is reckoned once, by the function that
//! reckons all others, and is then looked up. Accounts that are not ordinary are read as a whole. All this goes by rows, which tell how an
//! account stands now: one of which more was recorded since is rebuilt from its journal.

use std::collections::HashMap;
use std::rc::Rc;

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;

use super::super::Span;
use super::forecast::{Due, Priced};
use super::{Forecasts, accounts, context};
use crate::domain::account::{Account, Method, NoticeOutcome, PriceNotice, Profile, Subscription};
use crate::domain::calendar::{Cycle, Period};
use crate::domain::catalog::Plan;
use crate::domain::change::{Draft, Reference};
use crate::domain::ids::{AccountId, SubscriptionId};
use crate::domain::money::{Currency, Money};
use crate::domain::promotion::Redemption;
use crate::domain::subscription::{Channel, Intent, State, Term};
use crate::reports::parts::Parts;
use crate::reports::{ReportError, SEPARATOR};
use crate::store::db::{DbError, Row, Tx};
use crate::values;

/// That the account `a` is not ordinary. (Charges under way are those that are due, and have an index of their own.)
macro_rules! unusual {
    () => {
        "(a.parked_at is not null or a.credit_cash_minor > 0 or a.credit_goodwill_minor > 0 \
         or exists (select 1 from charges c where c.account_id = a.account_id and c.state in ('requested', 'unknown')) \
         or exists (select 1 from subscriptions o where o.account_id = a.account_id and (o.state = 'trialing' or o.intent = 'changes_to')))"
    };
}

/// That something was recorded of the account `a` with a date after `$4`, or after the instant `$5`. Records come in the order of their
/// instants, and none has a date ahead of its own: the last one is looked at first, and the others only where it came after `$6`, when that
/// date ends somewhere.
macro_rules! gone_on {
    () => {
        "(exists (select 1 from journal l where l.account_id = a.account_id and l.seq = a.journal_seq \
         and (l.posted_at > $6 or l.effective_on > $4)) \
         and exists (select 1 from journal j where j.account_id = a.account_id and (j.effective_on > $4 or j.posted_at > $5)))"
    };
}

crate::statements! {
    /// The subscriptions of some accounts that will renew as they are, with all that their price and its day depend on; nothing of that
    /// where the account is not ordinary, and a mark where more was recorded since. Such accounts come without a subscription, too.
    RENEWING = same(concat!(
        "select a.account_id, coalesce(s.subscription_id, '') as subscription_id, case when ", gone_on!(),
        " then '\u{1d}' when ", unusual!(), " then '' else a.currency",
        then!(), "a.time_zone", then!(), "a.jurisdiction", then!(),
        "case when a.method_no is not null and a.method_blocked = 0 then '1' else '' end", then!(), "coalesce(cast(s.due_at as text), '')",
        then!(), "s.terms_version", then!(), "s.tier", then!(), "s.cycle", then!(), "s.price_version", then!(), "cast(s.period_no as text)",
        then!(), "cast(s.anchor_on as text)", then!(), "cast(s.period_start as text)", then!(), "cast(s.period_end as text)", then!(),
        "coalesce(s.promotion_code, '')", then!(), "coalesce(cast(s.promotion_periods_billed as text), '')", then!(),
        "coalesce((select string_agg(concat_ws('\u{1d}', n.position, n.version, n.sent_on), '\u{1e}') from price_notices n \
         where n.account_id = s.account_id and n.subscription_id = s.subscription_id and n.outcome = 'pending'), '') end as known from accounts a \
         left join subscriptions s on s.account_id = a.account_id and s.account_id >= $1 and s.account_id < $2 and s.channel = 'direct' \
         and s.cancel_requested_on is null and s.state in ('active', 'past_due') and s.intent = 'renews' \
         where a.account_id >= $1 and a.account_id < $2 and ($3 = '' or a.currency = $3) and (s.subscription_id is not null or ",
        gone_on!(), " or ", unusual!(), ") order by a.account_id, s.subscription_id"
    ));
}

/// Kinds of subscriptions that are kept to be looked up.
const KINDS_MAX: usize = 20_000;

/// Accounts that are read as a whole at once.
const WHOLE_MAX: usize = 500;

/// Adds all accounts, by their rows.
pub(super) async fn add(tx: &mut Tx, span: &Span, reference: &Reference, forecasts: &mut Forecasts) -> Result<(), ReportError> {
    let mut kinds = Kinds { span, reference, known: HashMap::new() };
    let (mut parts, mut unusual, mut gone_on) = (Parts::new(), Vec::new(), Vec::new());
    let known_until = span.known_until();
    let day_ends = accounts::end_anywhere(span.to).timestamp_micros().min(known_until);
    while let Some([first, end]) = parts.next(tx).await? {
        let rows = tx.fetch_all(&RENEWING, &values![first, end, span.code(), span.to, known_until, day_ends]).await?;
        let rows = rows.iter().map(Renewing::read).collect::<Result<Vec<_>, _>>()?;
        for account in rows.chunk_by(|left, right| left.account == right.account) {
            if account.iter().all(|renewing| renewing.is_ordinary) {
                account.iter().try_for_each(|renewing| kinds.add(renewing, forecasts))?;
            } else if let Some(first) = account.first() {
                if first.has_gone_on() { &mut gone_on } else { &mut unusual }.push(first.account.to_owned());
            }
        }
        if unusual.len() >= WHOLE_MAX {
            add_whole(tx, span, reference, &std::mem::take(&mut unusual), forecasts).await?;
        }
        if gone_on.len() >= WHOLE_MAX {
            add_rebuilt(tx, span, reference, &std::mem::take(&mut gone_on), forecasts).await?;
        }
    }
    add_whole(tx, span, reference, &unusual, forecasts).await?;
    add_rebuilt(tx, span, reference, &gone_on, forecasts).await
}

/// Adds accounts that are rebuilt as they were.
async fn add_rebuilt(
    tx: &mut Tx,
    span: &Span,
    reference: &Reference,
    named: &[String],
    forecasts: &mut Forecasts,
) -> Result<(), ReportError> {
    for named in named.chunks(WHOLE_MAX) {
        let (accounts, unreadable) = accounts::rebuilt(tx, span, named).await?;
        add_accounts((span, reference), accounts, None, forecasts);
        for currency in unreadable {
            forecasts.entry(currency).and_modify(|forecast| forecast.unreadable += 1);
        }
    }
    Ok(())
}

/// Adds accounts that are read as a whole.
async fn add_whole(
    tx: &mut Tx,
    span: &Span,
    reference: &Reference,
    named: &[String],
    forecasts: &mut Forecasts,
) -> Result<(), ReportError> {
    for named in named.chunks(WHOLE_MAX) {
        let (accounts, due) = accounts::present(tx, named).await?;
        add_accounts((span, reference), accounts, Some(&due), forecasts);
    }
    Ok(())
}

fn add_accounts((span, reference): (&Span, &Reference), accounts: Vec<Account>, due: Option<&Due>, forecasts: &mut Forecasts) {
    for account in accounts {
        let Some(forecast) = forecasts.get_mut(&account.profile.currency) else { continue };
        forecast.add(Draft::new(&context(reference, span, account.profile.zone), account), due);
    }
}

/// A subscription that will renew as it is.
struct Renewing<'a> {
    row: &'a Row,
    account: &'a str,
    subscription: &'a str,
    /// All that price and day depend on.
    known: &'a str,
    is_ordinary: bool,
}

impl<'a> Renewing<'a> {
    fn read(row: &'a Row) -> Result<Self, DbError> {
        let known = row.str_at(2)?;
        // One that goes on and is not due is looked into, too.
        let is_ordinary = known.split(SEPARATOR).nth(DUE_AT).is_some_and(|due| !due.is_empty());
        Ok(Self { row, account: row.str_at(0)?, subscription: row.str_at(1)?, known, is_ordinary })
    }

    /// Whether more was recorded since.
    fn has_gone_on(&self) -> bool {
        self.known.starts_with(NOTICE_FIELD)
    }
}

/// Which part of what is known tells when it is due.
const DUE_AT: usize = 4;

/// Subscriptions that are billed alike, by what is known of them.
struct Kinds<'a> {
    span: &'a Span,
    reference: &'a Reference,
    known: HashMap<String, (Currency, Rc<[Priced]>)>,
}

impl Kinds<'_> {
    fn add(&mut self, renewing: &Renewing<'_>, forecasts: &mut Forecasts) -> Result<(), ReportError> {
        if !self.known.contains_key(renewing.known) {
            let kind = self.priced(renewing, forecasts)?;
            if self.known.len() >= KINDS_MAX {
                self.known.clear();
            }
            self.known.insert(renewing.known.to_owned(), kind);
        }
        if let Some((currency, priced)) = self.known.get(renewing.known)
            && let Some(forecast) = forecasts.get_mut(currency)
        {
            priced.iter().for_each(|period| forecast.add_priced(renewing.account, renewing.subscription, period));
        }
        Ok(())
    }

    /// What an account with this subscription alone will be billed: without credit no subscription knows of another.
    fn priced(&self, renewing: &Renewing<'_>, forecasts: &Forecasts) -> Result<(Currency, Rc<[Priced]>), ReportError> {
        let (account, due) = alone(renewing)?;
        let currency = account.profile.currency;
        let context = context(self.reference, self.span, account.profile.zone);
        let priced = forecasts.get(&currency).map(|forecast| forecast.priced(&mut Draft::new(&context, account), Some(&due)));
        Ok((currency, priced.unwrap_or_default().into()))
    }
}

/// An account that has nothing but this subscription, and when that is due.
fn alone(renewing: &Renewing<'_>) -> Result<(Account, Due), ReportError> {
    let row = renewing.row;
    let bad = |column: &str| row.corrupt(column, "is not what was asked for");
    let parts: Vec<&str> = renewing.known.split(SEPARATOR).collect();
    let Ok(
        [
            currency,
            zone,
            jurisdiction,
            is_payable,
            due_at,
            terms,
            tier,
            cycle,
            version,
            period_no,
            anchor,
            start,
            end,
            code,
            billed,
            notices,
        ],
    ) = <[&str; 16]>::try_from(parts)
    else {
        return Err(bad("known").into());
    };
    let date = |text: &str, column: &str| text.parse::<NaiveDate>().map_err(|_| bad(column));
    let id = AccountId::parse(renewing.account).map_err(|_| bad("account_id"))?;
    let subscription = SubscriptionId::parse(renewing.subscription).map_err(|_| bad("subscription_id"))?;
    let currency = Currency::parse(currency).map_err(|_| bad("currency"))?;
    let due_at = due_at.parse().ok().and_then(DateTime::from_timestamp_micros).ok_or_else(|| bad("due_at"))?;
    let period = Period::new(date(start, "period_start")?, date(end, "period_end")?).map_err(|_| bad("period_end"))?;
    let term = Term {
        number: 1,
        anchor: date(anchor, "anchor_on")?,
        plan: Plan::new(tier, Cycle::parse(cycle).ok_or_else(|| bad("cycle"))?),
        period_no: period_no.parse().map_err(|_| bad("period_no"))?,
        period,
        version: version.to_owned(),
        intent: Intent::Renews,
    };
    let billed = Some(billed).filter(|billed| !billed.is_empty());
    let billed = billed.map(str::parse).transpose().map_err(|_| bad("promotion_periods_billed"))?;
    let promotion = Some(code).filter(|code| !code.is_empty()).zip(billed);
    let mut account = Account::new(profile(id, currency, zone.parse().map_err(|_| bad("time_zone"))?, jurisdiction));
    if !is_payable.is_empty() {
        let (token, label) = (String::new(), String::new());
        account.profile.method = Some(Method { number: 1, token, label, expires_on: None, blocked: false });
    }
    let due = Due::from([((account.profile.id.to_string(), subscription.to_string()), due_at)]);
    let lives = Subscription {
        id: subscription.clone(),
        channel: Channel::Direct,
        camera: None,
        state: State::Active { term },
        promotion: promotion.map(|(code, periods_billed)| Redemption { code: code.to_owned(), periods_billed }),
        terms_version: terms.to_owned(),
        cancel_requested_on: None,
        reminded_for: None,
        reminded_on: None,
        price_notices: notices_of(notices).ok_or_else(|| bad("price_notices"))?,
        due_at: Some(due_at),
        remind_at: None,
    };
    account.subscriptions.insert(subscription, lives);
    Ok((account, due))
}

/// Notices that wait, in the order in which they were written.
fn notices_of(text: &str) -> Option<Vec<PriceNotice>> {
    let mut notices: Vec<(u32, PriceNotice)> = Vec::new();
    for text in text.split(NOTICE).filter(|text| !text.is_empty()) {
        let mut fields = text.split(NOTICE_FIELD);
        let (position, version) = (fields.next()?.parse().ok()?, fields.next()?.to_owned());
        let sent_on = fields.next().map(str::parse).transpose().ok()?;
        notices.push((position, PriceNotice { version, sent_on, outcome: NoticeOutcome::Pending }));
    }
    notices.sort_by_key(|(position, _)| *position);
    Some(notices.into_iter().map(|(_, notice)| notice).collect())
}

/// What separates notices, and their fields. (The latter alone is the mark of an account of which more was recorded since.)
const NOTICE: char = '\u{1e}';
const NOTICE_FIELD: char = '\u{1d}';

fn profile(id: AccountId, currency: Currency, zone: Tz, jurisdiction: &str) -> Profile {
    let nothing = Money::zero(currency);
    Profile {
        id,
        currency,
        zone,
        jurisdiction: jurisdiction.to_owned(),
        trial_used_on: None,
        method: None,
        credit_cash: nothing,
        credit_goodwill: nothing,
        carried: nothing,
        caught_up_on: None,
        parked: None,
        journal_seq: 0,
        journal_hash: String::new(),
    }
}

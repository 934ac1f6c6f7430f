-- Holds a journal against what rules.sql has worked out: what contradicts it, and how much was proven.

-- Checkpoints: each month's end that a line's period has reached, and the last day of a line. -------------------------------------------

create or replace table checkpoint as
with today as (
    -- The date that it is at each account when the export ends.
    select account, ((select max(posted::timestamptz) from fact) at time zone any_value(zone))::date as today from fact group by account
), ending as (
    select i.account, i.invoice, i.starts, i.ends, i.net,
        (select min(n.issued) from note n where n.account = i.account and n.invoice = i.invoice and n.ends_it) as ended,
        (select min(r.dated) from recognition r where r.account = i.account and r.invoice = i.invoice and r.forfeited) as forfeited,
        -- LC-3: nothing is earned while the first charge is pending.
        case when i.pending then (select min(f.dated) from fact f where f.account = i.account and f.tag = 'life' and f.record >= i.record
            and said(f.body, 'subscription') = i.subscription and said(f.body, 'life') = 'activated') else i.issued end as sure
    from invoice i
), month as (
    select e.*, last_day(m::date) as day
    from (select *, unnest(range(date_trunc('month', greatest(starts, sure))::timestamp, ends::timestamp + interval 1 month, interval 1 month)) as m
        from ending where sure is not null) e join today using (account)
    where last_day(m::date) < today
), documents as (
    select account, invoice, dated, net as net from invoice
    union all select account, invoice, dated, -back_net from noted
)
select m.account, m.invoice, m.day, m.starts, m.ends,
    (select sum(d.net) from documents d where d.account = m.account and d.invoice = m.invoice and d.dated <= m.day)::bigint as net,
    coalesce(ended <= day or forfeited <= day, false) as over
from month m;

create or replace table standing as
select c.*, case when over then net else earned(net, starts, ends, day) end as earned,
    coalesce(-sum(l.minor) filter (l.ledger in (4000, 4200, 4300)), 0)::bigint as booked,
    coalesce(-sum(l.minor) filter (l.ledger in (2100, 2110)), 0)::bigint as prepaid
from checkpoint c
left join booked l on l.account = c.account and l.invoice = c.invoice and l.dated <= c.day and l.tag in ('invoice_issued', 'note_issued', 'revenue_recognised')
group by all;

-- What contradicts the rules. ---------------------------------------------------------------------------------------------------

create or replace table contradiction as
with versions as (
    select distinct version, effective_from from price
), opened as (
    select * from invoice qualify row_number() over (partition by account, subscription, term order by period) = 1
), fixed as (
    -- PR-6, LC-2: where a term's first price was fixed: where its trial began or its change was commanded, else where it was sold.
    select o.account, o.subscription, o.term, coalesce(max(f.record), any_value(o.record)) as record, coalesce(max(f.dated), any_value(o.issued)) as day
    from opened o left join fact f on f.account = o.account and f.tag = 'life' and f.record < o.record
        and said(f.body, 'subscription') = o.subscription and case when o.period > 0
            then json_exists(f.body, '$.life.intends.intent.changes_to') else o.term = 1 and json_exists(f.body, '$.life.trialing') end
    group by o.account, o.subscription, o.term
), sold as (
    select i.*, f.record as fixed_in, lag(i.version) over (partition by i.account, i.subscription, i.term order by i.period) as before,
        -- The latest that prices the plan: a version need not price all of them.
        (select arg_max(p.version, p.effective_from) from price p where p.plan = i.plan and p.currency = i.currency and p.effective_from <= f.day) as sold
    from invoice i join fixed f using (account, subscription, term)
), entry as (
    select place, any_value(line) as line, account, record, event, any_value(dated) as dated, any_value(posted) as posted, sum(minor) as off,
        any_value(known) as known, any_value(fact_dated) as fact_dated, any_value(fact_posted) as fact_posted, event_name(account, record, event) as name
    from booked group by place, account, record, event
), stands as (
    select account, record, event, ledger, invoice, sum(minor)::bigint as minor, any_value(line) as line,
        list(distinct currency order by currency) as currencies, list(distinct subscription order by subscription) filter (subscription is not null) as subscriptions
    from booked group by account, record, event, ledger, invoice
), compared as (
    select coalesce(s.account, d.account) as account, coalesce(s.record, d.record) as record, coalesce(s.event, d.event) as event,
        coalesce(s.ledger, d.ledger) as ledger, coalesce(s.invoice, d.invoice) as invoice, coalesce(s.minor, 0) as stands, coalesce(d.minor, 0) as due,
        s.line, d.minor is null as not_due, d.currency, d.subscription, s.currencies, s.subscriptions, d.account is not null and s.account is not null as both_there
    from stands s full join due d on d.account = s.account and d.record = s.record and d.event = s.event and d.ledger = s.ledger
        and d.invoice is not distinct from s.invoice
)
select 'each entry books an event, once' as law, name as place, case when not any_value(known) then 'there is no such event' else 'written ' || count(*) || ' times' end as said
from entry group by name having count(*) > 1 or not any_value(known)
union all
select 'an entry sums to zero in one currency (LE-1)', event_name(account, record, event), string_agg(off || ' ' || currency, ', ') from (
    select account, record, event, currency, sum(minor) as off from booked group by all having sum(minor) <> 0) group by account, record, event
union all
select 'entries are in the order of their dates', name, dated || ' comes after ' || before from (
    select name, dated, max(dated) over (order by place rows between unbounded preceding and 1 preceding) as before from entry) where dated < before
union all
select 'an entry has the date of its event', name, dated || ', and the event is of ' || fact_dated from entry where dated <> fact_dated
union all
select 'an entry has the instant of its event', name, coalesce(posted, 'none') || ', and the event is of ' || fact_posted
from entry where posted::timestamptz is distinct from fact_posted::timestamptz and known
union all
select 'a leg is what its event books, by the rules', event_name(account, record, event),
    'account ' || ledger || coalesce(' of ' || invoice, '') || ': ' || stands || ', by the rules ' || due
from compared where stands <> due
union all
select 'a leg has the currency of its account', event_name(account, record, event), ledger || ': ' || currencies::text || ' instead of ' || currency
from compared where both_there and currencies <> [currency]
union all
select 'a leg has the subscription of its invoice', event_name(account, record, event), ledger || ': ' || subscriptions::text || ' instead of ' || coalesce(subscription, 'none')
from compared where both_there and coalesce(subscriptions, []) is distinct from case when subscription is null then [] else [subscription] end
union all
select 'every event that moves money has a rule', event_name(f.account, f.record, f.event), f.tag || ' is not recomputed here' from fact f
where f.account not like '(%' and (f.tag = 'excess_refund_written_off'
    or f.tag = 'dispute_lost' and (minor(said(f.body, 'from_credit')), minor(said(f.body, 'loss'))) <> (0, 0))
union all
select 'revenue is earned by the day (RR-1)', invoice || ' at the end of ' || day, 'booked ' || booked || ', earned ' || earned || ' of ' || net
from standing where booked <> earned
union all
select 'a line''s prepayment is its net less what is recognised', invoice || ' at the end of ' || day, prepaid || ' stand, ' || (net - earned) || ' by the rules'
from standing where prepaid <> net - earned
union all
select 'a document is priced by the list, the promotion and the law (PR, MO-2, MO-3)', invoice,
    'list ' || coalesce(list::text, 'unknown') || ', discount ' || coalesce(discount::text, 'unknown') || ', tax ' || coalesce(tax::text, 'unknown')
        || '; the document says ' || told_list || ', ' || told_discount || ', ' || told_tax
from invoice where (list, discount, net, tax) is distinct from (told_list, told_discount, told_net, told_tax)
union all
select 'a period is counted from its anchor (CA-1)', invoice, starts || ' to ' || ends || ', anchored on ' || anchor from (
    -- A deferred change keeps the anchor, and goes on counting.
    select i.*, case when annual then 12 else 1 end as months,
        last_value(case when period = 0 then starts end ignore nulls) over (partition by account, subscription order by record, event) as anchor
    from invoice i)
where starts <> (anchor + to_months(period * months))::date or ends <> (anchor + to_months((period + 1) * months))::date
union all
select 'a price is the latest whose notice is old enough (PR)', invoice, version || ', by the rules ' || coalesce(due, 'none') from (
    select i.invoice, i.version, (
        select arg_max(v.version, v.effective_from) from versions v join versions base on base.version = coalesce(i.before, i.sold)
        where v.version = base.version or (v.effective_from > base.effective_from and v.effective_from <= i.starts and exists (
            select 1 from fact n where n.tag = 'price_notice_sent' and n.account = i.account and n.record > i.fixed_in and said(n.body, 'subscription') = i.subscription
                and said(n.body, 'version') = v.version and said(n.body, 'on')::date + 30 <= i.starts))) as due
    from sold i)
where version is distinct from due
union all
select 'a date is that of the account''s time zone', account || '/' || record, dated || ', and it was ' || there || ' there' from (
    select distinct account, record, dated, kind, (posted::timestamptz at time zone zone)::date as there from fact where zone is not null)
where case when kind = 'recognise' then dated > there else dated <> there end
union all
select 'revenue is booked in the month that earned it', event_name(account, record, event), 'through ' || through || ', booked on ' || dated
from recognised where amount <> 0 and date_trunc('month', through) <> date_trunc('month', dated)
union all
select 'an account is never on the wrong side after a record', account || '/' || record, ledger || coalesce(' of ' || part, '') || ' stands at ' || stands from (
    select account, record, ledger, part, sum(sum(minor)) over (partition by account, ledger, part order by record) as stands from (
        select *, case when ledger in (1100, 2100, 2110) then invoice end as part from booked where ledger in (1100, 2100, 2110, 2300, 2310))
    group by account, record, ledger, part)
where case when ledger = 1100 then stands < 0 else stands > 0 end;

create or replace table proven as
select 'legs, each what the rules say' as what, count(*) as number from booked
union all select 'entries, each once', count(distinct (account, record, event)) from booked
union all select 'invoices, priced and taxed anew', count(*) from invoice
union all select 'notes, worked out from their dates', count(*) from noted
union all select 'refunds', count(*) from fact where tag = 'refund_settled'
union all select 'recognitions of revenue', count(*) from recognised where amount <> 0
union all select 'lines at a month''s end, prepayment = net - earned', count(*) from standing
union all select 'entries of providers'' books, not judged here', count(distinct (account, record, event)) from leg where account like '(%'
order by what;

-- What the books must be, from the facts and the billing rules alone; the ids are those of the rules that the code cites too.
--
-- Taken from the facts: who bought which plan for which period, which code was redeemed, when something was cancelled, corrected or
-- disputed, what a person granted, and what a provider said it moved. Left behind: every amount that the engine worked out. State in
-- between (what is open, paid, given back) is summed from the judged legs before an event, each of which is itself held against its rule.
--
-- Amounts are whole minor units; products are in 128 bits; nothing is ever a fraction.

-- A field of a fact. (The arrows of DuckDB bind weaker than `=`.)
create or replace macro said(body, field) as json_extract_string(body, case when field[1] in ('', '[') then '$' else '$.' end || field);
create or replace macro minor(money) as replace(split_part(money, ' ', 1), '.', '')::bigint;
-- a * b / c to the nearest whole, halves up, for a, b >= 0 and c > 0.
create or replace macro share(a, b, c) as ((2 * a::hugeint * b::hugeint + c::hugeint) // (2 * c::hugeint))::bigint;
create or replace macro tax_on(net, rate) as share(net, rate, 1000000000);
-- RR-1: earned(d) = T - round_half_up(T * (n - d) / n), d = the days of [starts, ends) through a date.
create or replace macro earned(net, starts, ends, through) as
    net - share(net, greatest(least(ends - through::date - 1, ends - starts), 0), ends - starts);
create or replace macro event_name(account, record, event) as account || '/' || record || '#' || event;

-- The facts, each kind as a table. -----------------------------------------------------------------------------------------------

create or replace table invoice as
with document as (
    select account, record, event, dated, json_extract(body, '$.invoice') as j, (said(body, 'pending'))::boolean as pending from fact where tag = 'invoice_issued'
), read as (
    select account, record, event, dated, pending, said(j, 'id') as invoice, said(j, 'subscription') as subscription, (said(j, 'term'))::integer as term,
        (said(j, 'period_no'))::integer as period, said(j, 'plan') as plan, said(j, 'version') as version, split_part(said(j, 'list'), ' ', 2) as currency,
        said(j, 'jurisdiction') as jurisdiction, (said(j, 'issued_on'))::date as issued, (said(j, 'period.start'))::date as starts,
        (said(j, 'period.end'))::date as ends, minor(said(j, 'list')) as told_list, minor(said(j, 'discount')) as told_discount,
        minor(said(j, 'net')) as told_net, minor(said(j, 'tax')) as told_tax
    from document
), coded as (
    -- MO-3: a code counts the invoices of its subscription from where it was redeemed, as long as each is for one of its plans.
    select i.*, p.percent, p.amount as off,
        row_number() over (partition by i.account, i.subscription, r.record, r.event order by i.record, i.event) as billed,
        bool_and(p.plans is null or list_contains(p.plans, i.plan)) over (
            partition by i.account, i.subscription, r.record, r.event order by i.record, i.event) as plan_allows,
        p.periods, p.code
    from read i
    left join fact r on r.tag = 'promotion_redeemed' and r.account = i.account and said(r.body, 'subscription') = i.subscription
        and r.record <= i.record
    left join promotion p on p.code = said(r.body, 'code') and (p.currency is null or p.currency = i.currency)
    qualify row_number() over (partition by i.account, i.invoice order by r.record desc nulls last) = 1
), priced as (
    select c.*, p.amount as list,
        case
            when c.code is null or not plan_allows or billed > coalesce(periods, billed) then 0
            when percent is not null then share(p.amount, percent, 1000000000)
            else least(c.off, p.amount)
        end as discount
    from coded c left join price p on p.version = c.version and p.plan = c.plan and p.currency = c.currency
)
-- MO-2: promotion before tax, the rate of the period's nominal first day.
select p.*, split_part(plan, '/', 2) = 'annual' as annual, case when split_part(plan, '/', 2) = 'annual' then 2100 else 2110 end as prepaid,
    r.rate, list - discount as net, tax_on(list - discount, r.rate) as tax
from priced p asof left join tax_rate r on r.jurisdiction = p.jurisdiction and r.valid_from <= p.starts;

create or replace table note as
select account, record, event, dated, said(body, 'note.id') as note, said(body, 'note.invoice') as invoice, said(body, 'note.reason') as reason,
    (said(body, 'note.issued_on'))::date as issued,
    said(body, 'note.reason') in ('cancellation', 'plan_change', 'first_charge_declined', 'cancelled_while_pending', 'order_cancelled',
        'cancelled_unpaid', 'dispute_lost') as ends_it
from fact where tag = 'note_issued';

create or replace table recognition as
select account, record, event, dated, said(body, 'invoice') as invoice, (said(body, 'through'))::date as through,
    (said(body, 'forfeited'))::boolean as forfeited
from fact where tag = 'revenue_recognised';

create or replace table correction as
select account, record, said(body, 'invoice') as invoice, minor(said(body, 'charged')) - minor(said(body, 'correct')) as too_much,
    (said(body, 'transaction_on'))::date as transaction_on, (said(body, 'last_attempt_on'))::date as last_attempt
from fact where tag = 'correction_opened';

-- Where each leg belongs; what stood before each event that depends on it. -----------------------------------------------------

create or replace table booked as
select l.*, f.tag, f.dated as fact_dated, f.posted as fact_posted, f.tag is not null as known
from leg l left join fact f using (account, record, event)
where l.account not like '(%';

create or replace table before as
with asked as (
    select account, record, event, invoice from note
    union select account, record, event, invoice from recognition
    union select account, record, event, said(body, 'invoice') from fact where tag in ('credit_applied')
)
select a.account, a.record, a.event, a.invoice,
    coalesce(sum(minor) filter (ledger = 1100), 0)::bigint as open,
    coalesce(-sum(minor) filter (ledger in (2100, 2110) and tag in ('invoice_issued', 'note_issued')), 0)::bigint as net,
    coalesce(-sum(minor) filter (ledger = 2200 and tag in ('invoice_issued', 'note_issued')), 0)::bigint as tax,
    coalesce(-sum(minor) filter (ledger in (4000, 4200, 4300) and tag = 'revenue_recognised'), 0)::bigint as recognised,
    coalesce(-sum(minor) filter (ledger = 1100 and tag in ('charge_captured', 'capture_corrected', 'unapplied_applied')), 0)::bigint as cash,
    coalesce(-sum(minor) filter (ledger = 1100 and tag = 'credit_applied'), 0)::bigint as credit,
    coalesce(-sum(minor) filter (ledger = 2310 and tag = 'note_issued'), 0)::bigint as paid_back,
    coalesce(-sum(minor) filter (ledger = 2300 and tag = 'note_issued'), 0)::bigint as credited,
    coalesce(sum(minor) filter (ledger = 1210), 0)::bigint as disputed,
    coalesce(-sum(minor) filter (ledger = 2330), 0)::bigint as frozen
from asked a left join booked l on l.account = a.account and l.invoice = a.invoice and (l.record, l.event) < (a.record, a.event)
group by all;

-- LE, 2300: an account's credit before an event.
create or replace table credit_before as
select f.account, f.record, f.event, coalesce(-sum(minor) filter (ledger = 2300), 0)::bigint as credit,
    coalesce(-sum(minor) filter (ledger = 2300 and l.record = f.record), 0)::bigint as credit_of_record
from fact f left join booked l on l.account = f.account and (l.record, l.event) < (f.record, f.event)
where f.tag in ('credit_applied', 'credit_paid_out', 'refund_reopened') group by all;

-- CP, "goes on": the last steps of each other subscription's life before a record.
create or replace table goes_on as
with life as (
    select account, record, event, said(body, 'subscription') as subscription,
        case when json_type(json_extract(body, '$.life')) = 'VARCHAR' then said(body, 'life') else json_keys(json_extract(body, '$.life'))[1] end as step,
        json_extract(body, '$.life') as life
    from fact where tag = 'life'
), standing as (
    select n.account, n.record, n.event, l.subscription,
        arg_max(l.step, (l.record, l.event)) filter (l.step <> 'intends') as step,
        arg_max(coalesce(said(l.life, 'intends.intent'), case when l.step = 'intends' then 'changes_to' else 'renews' end), (l.record, l.event))
            filter (l.step in ('intends', 'subscribed', 'term_opened')) as intent
    from note n
    join invoice i on i.account = n.account and i.invoice = n.invoice
    join life l on l.account = n.account and l.record < n.record and l.subscription <> i.subscription
    group by all
)
select account, record, event,
    coalesce(bool_or(step in ('activated', 'renewed', 'term_opened', 'became_past_due', 'paid_up', 'reinstated') and intent <> 'ends'), false) as another
from standing group by all;

-- Notes (RF, CP, CO, PD). --------------------------------------------------------------------------------------------------------

create or replace table noted as
with days as (
    select n.*, i.subscription, i.currency, i.prepaid, i.rate, i.starts, i.ends, b.* exclude (account, record, event, invoice), c.too_much, c.last_attempt,
        i.ends - i.starts as days,
        -- RF-1: the day of cancellation counts as used. CP-1: a change at once gives today to the new plan.
        case reason
            when 'cancellation' then n.issued - i.starts + 1
            when 'cancelled_unpaid' then n.issued - i.starts + 1
            when 'plan_change' then n.issued - i.starts
            else 0
        end as used,
        coalesce(g.another, false) as another
    from note n
    join invoice i on i.account = n.account and i.invoice = n.invoice
    join before b on b.account = n.account and b.record = n.record and b.event = n.event
    left join goes_on g on g.account = n.account and g.record = n.record and g.event = n.event
    left join correction c on c.account = n.account and c.record = n.record and c.invoice = n.invoice
), kept as (
    select d.*,
        case
            -- CO: what is kept is the net whose total with its tax is the correct total.
            when reason in ('overcharge', 'undercharge', 'waived') then (
                select min(k) from (select unnest(range(-3, 4)) + share(greatest(net + tax - too_much, 0), 1000000000, 1000000000 + rate) as k)
                where k >= 0 and k + tax_on(k, rate) = net + tax - too_much)
            -- RF-2.
            else net - share(net, greatest(days - used, 0), days)
        end as kept_net
    from days d
), worth as (
    -- RF-2: tax by the remainder.
    select k.*, net - kept_net as back_net, tax - tax_on(kept_net, rate) as back_tax, net - kept_net + tax - tax_on(kept_net, rate) as back
    from kept k
), used as (
    -- F49: what an earlier refund moved too much is paid out already.
    select w.*, coalesce((select sum(minor(said(f.body, 'amount')) + minor(said(f.body, 'given_up'))) from fact f where f.tag = 'excess_refund_applied'
        and f.account = w.account and f.record = w.record and said(f.body, 'invoice') = w.invoice), 0) as moved
    from worth w
), off as (
    select w.*, case when reason = 'undercharge' then 0 else least(greatest(open, 0), back) end as owed_off,
        cash - paid_back - greatest(credited - credit, 0) - disputed - moved as cash_left, credit - least(credited, credit) as credit_left,
        -- The policy matrix; CO-3: after the window an overcharge is account credit.
        reason = 'plan_change' or (reason = 'cancellation' and another) or (reason = 'overcharge' and issued > last_attempt) as as_credit
    from used w
), given as (
    select o.*, moved + case when as_credit or reason in ('undercharge', 'dispute_lost') then 0 else least(back - owed_off - moved, greatest(cash_left, 0)) end as payout
    from off o
), turned as (
    select g.*, case
            when reason in ('undercharge', 'dispute_lost') then 0
            else least(back - owed_off - payout, case when as_credit then greatest(cash_left, 0) + credit_left else credit_left end)
        end as to_credit
    from given g
)
-- PD-6: a lost dispute takes what is left of the line and what was frozen for the customer.
select t.*, case when reason = 'dispute_lost' then least(back - owed_off + frozen, disputed) else 0 end as lost,
    case when reason = 'dispute_lost' then frozen else 0 end as held_used,
    case when reason in ('undercharge', 'dispute_lost') then 0 else least(back - owed_off - payout - to_credit, disputed) end as held,
    -- CP-1: the part of the credit that came from cash.
    case when as_credit then least(to_credit, greatest(cash_left, 0)) else 0 end as from_cash
from turned t;

-- What is earned of a line at a recognition: by the day, or all that is left of it once it has ended (RF: booked through c = earned_net).
create or replace table recognised as
select r.*, i.subscription, i.currency, i.prepaid,
    case when r.forfeited or exists (
            select 1 from note n where n.ends_it and n.account = r.account and n.invoice = r.invoice and (n.record, n.event) < (r.record, r.event))
        then b.net else earned(b.net, i.starts, i.ends, r.through) end - b.recognised as amount,
    exists (select 1 from fact f where f.tag = 'dispute_lost' and f.account = r.account and f.record = r.record) as disputed
from recognition r
join invoice i on i.account = r.account and i.invoice = r.invoice
join before b on b.account = r.account and b.record = r.record and b.event = r.event;

-- CP-1, CP-3: account credit that is paid out.
create or replace table credit_out as
with asked as (
    select f.account, f.record, f.event, split_part(said(f.body, 'amount'), ' ', 2) as currency,
        exists (select 1 from noted n where n.account = f.account and n.record = f.record and n.reason = 'plan_change') as of_change
    from fact f where f.tag = 'credit_paid_out'
), goodwill as (
    -- The rules do not say which credit is spent first, so how much of it was goodwill is taken as told.
    select a.account, a.record, a.event, coalesce(sum(case g.tag when 'credit_granted' then minor(said(g.body, 'amount'))
        else -minor(said(g.body, 'goodwill')) end), 0)::bigint as goodwill
    from asked a left join fact g on g.account = a.account and g.record <= a.record and g.tag in ('credit_granted', 'credit_applied') group by all
)
select a.*, case when of_change
        -- CP-1: what is left of the credit after the new charge, as far as it came from cash.
        then least(b.credit_of_record, (select sum(from_cash) from noted n where n.account = a.account and n.record = a.record))
        -- CP-3: all credit that came from cash.
        else b.credit - goodwill
    end as amount
from asked a join credit_before b using (account, record, event) join goodwill using (account, record, event);

-- RF-4: what is paid out goes back to the payments, latest first, each up to its own remainder.
create or replace table refund as
with asked as (
    select account, record, event, said(body, 'id') as refund, said(body, 'charge') as charge, said(body, 'invoice') as invoice,
        said(body, 'reason') = 'credit_payout' as of_credit, said(body, 'reason') = 'not_asked_for' as by_others
    from fact where tag = 'refund_requested'
), captured as (
    select account, record, said(body, 'charge') as charge, said(a[1], '') as invoice, minor(said(a[2], '')) as amount
    from (select *, unnest(json_extract(body, '$.applied')::json[])::json[] as a from fact where tag = 'charge_captured')
), payout as (
    -- CP-3 pays out what had become credit before; everything else is of the record's own notes, or was held for a dispute that is won.
    select account, record, of_credit, sum(amount)::bigint as amount from (
        select account, record, false as of_credit, payout as amount from noted
        union all select account, record, not of_change, amount from credit_out
        union all select account, record, false, minor(said(unnest(json_extract(body, '$.released')::json[]), '[1]')) from fact where tag = 'dispute_won'
        union all select account, record, false, minor(said(body, 'amount')) from fact where tag = 'unapplied_returned'
        -- F49: so much an earlier refund has moved already.
        union all select account, record, false, -minor(said(body, 'amount')) - minor(said(body, 'given_up')) from fact where tag = 'excess_refund_applied') group by all
), settled as (
    select a.account, a.charge, a.invoice, a.record as asked_in, l.minor
    from asked a
    join fact s on s.tag = 'refund_settled' and s.account = a.account and said(s.body, 'refund') = a.refund
    join booked l on l.account = s.account and l.record = s.record and l.event = s.event and l.ledger = 2310
), remains as (
    select a.*, c.record as paid_record, p.amount as payout, any_value(c.amount) - coalesce(sum(s.minor), 0) as remainder
    from asked a
    left join captured c on c.account = a.account and c.charge = a.charge and c.invoice = a.invoice
    left join payout p on p.account = a.account and p.record = a.record and p.of_credit = a.of_credit
    left join settled s on s.account = a.account and s.charge = a.charge and s.invoice = a.invoice and s.asked_in < a.record
    group by all
)
-- F55: of one that somebody made at the provider, nothing had been asked for.
select r.*, case when by_others then 0 else 1 end * greatest(0, least(remainder, payout - coalesce(sum(remainder) over (
    partition by account, record, of_credit order by paid_record desc, event rows between unbounded preceding and 1 preceding), 0)))::bigint as amount
from remains r;

-- What every event books (ledger.md, section 3). -------------------------------------------------------------------------------------

create or replace table due as
with booking(tag, field, debit, credit) as (values
    -- Amounts that a provider moved or a person decided: told, and not worked out by the engine.
    ('charge_captured', 'applied', 1200, 1100), ('charge_captured', 'unapplied', 1200, 2320),
    ('charge_captured', 'costs', 1200, 1150), ('charge_captured', 'costs', 2400, 4500),
    ('capture_corrected', 'unapplied', 1200, 2320), ('capture_corrected', 'unpaid', 1100, 1200),
    ('unapplied_applied', 'applied', 2320, 1100), ('unapplied_applied', 'costs', 2320, 1150), ('unapplied_applied', 'costs', 2400, 4500),
    ('excess_refund_applied', 'amount', 2310, 1290), ('excess_refund_applied', 'given_up', 2310, 5200),
    ('unapplied_returned', 'amount', 2320, 2310), ('credit_granted', 'amount', 4200, 2300),
    ('credit_paid_by_hand', 'amount', 2300, 1010),
    ('dispute_opened', 'applied', 1210, 1200), ('dispute_opened', 'credited', 1210, 1200), ('dispute_opened', 'beyond', 1210, 1200),
    ('dispute_opened', 'fee', 5100, 1200), ('dispute_won', 'applied', 1200, 1210), ('dispute_won', 'credited', 1200, 1210),
    ('dispute_won', 'beyond', 1200, 1210), ('dispute_won', 'released', 2330, 2310), ('dispute_reversed', 'amount', 1200, 2320),
    ('written_off', 'net', 5200, 1100), ('written_off', 'tax', 2200, 1100), ('collection_cost_added', 'amount', 5300, 2500),
    ('collection_cost_added', 'amount', 1150, 2400), ('collection_cost_written_off', 'amount', 2400, 1150)
), told as (
    -- A field is one amount, or a list of invoices (or costs) with their amounts.
    select f.account, f.record, f.event, b.*, unnest(case json_type(json_extract(body, '$.' || field))
            when 'ARRAY' then json_extract(body, '$.' || field)::json[] else [json_array(said(body, 'invoice'), said(body, field))] end) as part,
        said(body, 'applied[0][0]') as first
    from fact f join booking b using (tag)
), paired as (
    -- What a capture brings stands under the first invoice that it pays; costs and what has no invoice under none.
    select account, record, event, minor(said(part, '[1]')) as amount, split_part(said(part, '[1]'), ' ', 2) as currency, debit, credit,
        case when tag = 'charge_captured' and debit = 1200 then first when field <> 'costs' and debit <> 2320 or field = 'amount' then said(part, '[0]') end as debit_invoice,
        case when field <> 'costs' then said(part, '[0]') end as credit_invoice
    from told where said(part, '[1]') is not null
), refund_of as (
    -- PV-5: for one that was given up is owed what a person found to be.
    select s.account, s.record, s.event, r.invoice, coalesce(again.amount, r.amount) as amount, i.currency, coalesce(minor(said(s.body, 'short')), 0) as short,
        s.tag = 'refund_failed' as failed, said(s.body, 'after_success') = 'true' as after_success,
        -- F49: one that comes back had moved what its settlement says; of an excess, a person had decided.
        coalesce(came.short, 0) as came_short, coalesce(minor(said(s.body, 'excess.open')), 0) as excess,
        coalesce(minor(said(s.body, 'excess.given_up')), 0) as given_up
    from fact s
    join refund r on r.account = s.account and r.refund = said(s.body, 'refund')
    join invoice i on i.account = r.account and i.invoice = r.invoice
    left join (select account, record, said(body, 'refund') as refund, minor(said(body, 'taken_over')) + minor(said(body, 'from_credit')) as amount
        from fact where tag = 'refund_reopened') again on again.account = s.account and again.record = s.record and again.refund = r.refund
    left join (select account, said(body, 'refund') as refund, minor(said(body, 'short')) as short from fact where tag = 'refund_settled') came
        on came.account = s.account and came.refund = r.refund and said(s.body, 'after_success') = 'true'
    where s.tag in ('refund_settled', 'refund_failed')
), reopened as (
    select f.account, f.record, f.event, split_part(said(f.body, 'from_credit'), ' ', 2) as currency, least(minor(said(f.body, 'from_credit')), c.credit) as amount
    from fact f
    join credit_before c using (account, record, event)
    where f.tag = 'refund_reopened'
), frozen as (
    -- RF-3: credit whose payment was disputed then.
    select f.account, f.record, f.event, sum(d.amount)::bigint as amount
    from fact f join (
        select o.account, o.record, o.event, o.amount, min((e.record, e.event)) as ended
        from (select account, record, event, said(body, 'id') as id, minor(said(unnest(json_extract(body, '$.credited')::json[]), '[1]')) as amount
            from fact where tag = 'dispute_opened'
            union all
            -- What was withdrawn beyond the payments, of refunds that had failed and become credit.
            select o.account, o.record, o.event, said(o.body, 'id'), least(any_value(minor(said(o.body, 'beyond'))), sum(r.amount))::bigint
            from fact o join refund r on r.account = o.account and r.charge = said(o.body, 'charge') and r.record <= o.record
            join fact e on e.account = r.account and e.tag = 'refund_failed' and said(e.body, 'refund') = r.refund and e.record <= o.record
            where o.tag = 'dispute_opened' group by all) o
        left join fact e on e.account = o.account and e.tag in ('dispute_won', 'dispute_lost') and said(e.body, 'id') = o.id
            and (e.record, e.event) > (o.record, o.event)
        group by all
    ) d on d.account = f.account and (d.record, d.event) < (f.record, f.event) and (d.ended is null or d.ended > (f.record, f.event))
    where f.tag = 'credit_applied' group by all
), spent as (
    -- LC-4: account credit pays before cash, as much as there is and is not disputed.
    select f.account, f.record, f.event, i.invoice, i.currency, least(c.credit - least(coalesce(z.amount, 0), c.credit - c.credit_of_record), b.open) as amount
    from fact f
    left join frozen z using (account, record, event)
    join credit_before c using (account, record, event)
    join before b using (account, record, event)
    join invoice i on i.account = f.account and i.invoice = b.invoice
    where f.tag = 'credit_applied'
), legs as (
    select account, record, event, unnest([1100, prepaid, 2200]) as ledger, unnest([net + tax, -net, -tax]) as minor, currency, invoice from invoice
    union all
    select account, record, event, unnest([2300, 1100]), unnest([amount, -amount]), currency, invoice from spent
    union all
    select account, record, event, unnest([2300, 2310]), unnest([amount, -amount]), currency, null from credit_out
    union all
    select account, record, event, unnest([2300, 2310]), unnest([amount, -amount]), currency, null from reopened
    union all
    select account, record, event, unnest([debit, credit]), unnest([amount, -amount]), currency, unnest([debit_invoice, credit_invoice]) from paired
    union all
    select account, record, event, 
        unnest([prepaid, 2200, 1100, 2310, 2300, 2330, 1210]),
        unnest([back_net, back_tax, case when reason = 'undercharge' then -back else -owed_off end, -payout, -to_credit, held_used - held, -lost]),
        currency, invoice
    from noted
    union all
    -- RF-4: what was not moved, or came back, is account credit; what was moved too much is unmatched (PV-5).
    select account, record, event, unnest([2310, 1200, case when short >= 0 then 2300 else 1290 end]), unnest([amount, short - amount, -short]),
        currency, invoice from refund_of where not failed
    union all
    select account, record, event, unnest([case when after_success then 1200 else 2310 end, 2300, 1290, 5200]),
        unnest([amount - came_short, came_short + excess + given_up - amount, -excess, -given_up]), currency, invoice
    from refund_of where failed
    union all
    -- RR-1; less than before is taken back: by a lost dispute 4300, else 4200.
    select account, record, event, unnest([prepaid, case when amount >= 0 then 4000 when disputed then 4300 else 4200 end]),
        unnest([amount, -amount]), currency, invoice from recognised
)
select l.account, l.record, l.event, l.ledger, l.invoice, any_value(l.currency) as currency, sum(l.minor)::bigint as minor,
    any_value(i.subscription) as subscription, f.dated, f.tag
from legs l
join fact f using (account, record, event)
left join invoice i on i.account = l.account and i.invoice = l.invoice
group by l.account, l.record, l.event, l.ledger, l.invoice, f.dated, f.tag
having sum(l.minor) <> 0 or any_value(l.minor) is null;

-- What differs, by the ladder of src/domain/reconcile.rs as far as charges go. All yardsticks run this text, each after its own tables:
--   pairs  the full outer join of ours and theirs by the provider's id: account_id, charge_id, ours_minor, our_currency, state, settled_on;
--          movement_id, intent, theirs_minor, their_currency, occurred_on
--   theirs (intent)
--   days   (through, young_from): the last day, and from when on something of ours may still be on its way to their report
doubled as (
    select intent from theirs group by intent having count(*) > 1
),
joined as (
    select
        pairs.*,
        doubled.intent as doubled,
        case
            when movement_id is null then
                case
                    when state <> 'succeeded' or settled_on > through then null
                    when settled_on >= young_from then 'timing'
                    else 'missing_at_provider'
                end
            when charge_id is null then case when occurred_on <= through then 'missing_here' end
            when settled_on > through and occurred_on > through then null
            when state = 'succeeded' and (settled_on > through or occurred_on > through) then 'timing'
            when occurred_on > through then null
            when our_currency <> their_currency then 'currency'
            when state <> 'succeeded' then 'status'
            when ours_minor <> theirs_minor then 'amount'
        end as kind
    from pairs
    left join doubled on doubled.intent = pairs.intent
    cross join days
),
placed as (
    -- Few: what agrees and is there once is out already. Of two for one of ours the one that agrees is it, else the earlier.
    select
        joined.*,
        row_number() over (
            partition by coalesce(doubled, movement_id, charge_id)
            order by case when kind is null then 0 else 1 end, occurred_on, movement_id
        ) as place
    from joined
    where kind is not null or doubled is not null
)
select
    case when place > 1 and charge_id is not null then 'duplicate_there' else kind end as kind,
    account_id, charge_id, ours_minor, our_currency, settled_on, movement_id, theirs_minor, their_currency, occurred_on
from placed
where kind is not null or (place > 1 and charge_id is not null and occurred_on <= (select through from days))

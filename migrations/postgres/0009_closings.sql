-- Months that were closed, and opened again (RC-3): one row an act, in the order of their numbers, and never changed. A row seals what
-- it closes: how many entries there were by the month's end, the last of them, and SHA-256 of the trial balance. `closed_through` is
-- the last day that is closed after the act; nothing is where it is empty. `checklist` is what was looked at, as JSON.
create table closings (
    closing_no     bigint not null primary key check (closing_no >= 1),
    acted_at       bigint not null,
    entries        bigint not null check (entries >= 0),
    month          date not null,
    closed_through date,
    act            text not null check (act in ('closed', 'reopened')),
    last_entry     text,
    digest         text not null,
    actor          text not null,
    reason         text,
    checklist      text not null
);

create trigger closings_are_append_only before update or delete on closings for each row execute function refuse_change();
create trigger closings_are_not_truncated before truncate on closings for each statement execute function refuse_change();

-- Nothing is posted into a month that is closed, whoever asks. Asked once a statement, however many rows it inserts.
create function refuse_closed_months() returns trigger language plpgsql as $$
declare
    closed date;
begin
    select closed_through into closed from closings order by closing_no desc limit 1;
    if closed is not null and exists (select from added where effective_on <= closed) then
        raise exception 'closed month: nothing is posted into a month that is closed';
    end if;
    return null;
end;
$$;

create trigger postings_refuse_closed_months after insert on postings
    referencing new table as added for each statement execute function refuse_closed_months();

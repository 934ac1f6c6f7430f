-- Months that were closed, and opened again (RC-3): one row an act, in the order of their numbers, and never changed. A row seals what
-- it closes: how many entries there were by the month's end, the last of them, and SHA-256 of the trial balance. `closed_through` is
-- the last day that is closed after the act; nothing is where it is empty. `checklist` is what was looked at, as JSON.
create table closings (
    closing_no     integer not null primary key check (closing_no >= 1),
    acted_at       integer not null,
    entries        integer not null check (entries >= 0),
    month          text not null,
    closed_through text,
    act            text not null check (act in ('closed', 'reopened')),
    last_entry     text,
    digest         text not null,
    actor          text not null,
    reason         text,
    checklist      text not null
) strict;

create trigger closings_refuses_update before update on closings begin
    select raise(abort, 'append-only: rows of closings may not be changed');
end;
create trigger closings_refuses_delete before delete on closings begin
    select raise(abort, 'append-only: rows of closings may not be changed');
end;

-- Nothing is posted into a month that is closed, whoever asks.
create trigger postings_refuses_closed_months before insert on postings
when new.effective_on <= (select closed_through from closings order by closing_no desc limit 1) begin
    select raise(abort, 'closed month: nothing is posted into a month that is closed');
end;

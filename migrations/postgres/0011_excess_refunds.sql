-- What a refund moved more than was asked for (F49), as far as its payment gave it and it has neither come back nor been used for a later
-- refund; of one that came back, what was not the customer's.
alter table refunds add column excess_minor bigint not null default 0;

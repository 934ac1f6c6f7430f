-- Requests that came with an id of their caller's (F13): the same id again does nothing again, also where nothing was to be done,
-- and another request under the same id is refused. `digest` tells whether it is the same. Requests about prices stand under
-- `(prices)`, which is no account's id. Of requests that came before this table only the journal tells; their digest is empty.
create table requests (
    account_id  text collate "C" not null,
    request_id  text collate "C" not null,
    recorded_at bigint not null,
    kind        text not null,
    digest      text not null,
    primary key (account_id, request_id)
);

insert into requests (account_id, request_id, recorded_at, kind, digest)
select account_id, substr(cause, 9), posted_at, kind, '' from journal where cause like 'request:%';

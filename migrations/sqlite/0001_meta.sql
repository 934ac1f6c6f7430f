-- Facts about this database as a whole, one a row: which environment and which provider account it belongs to (F16), its epoch
-- (F15), and the like. Everything that has a shape of its own gets a table of its own.
create table meta (
    name  text not null primary key,
    value text not null
) strict, without rowid;

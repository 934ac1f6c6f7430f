-- Facts about this database as a whole, one a row: which environment and which provider account it belongs to (F16), its epoch
-- (F15), and the like. Everything that has a shape of its own gets a table of its own.
create table meta (
    -- Compared byte by byte in every locale, as SQLite does.
    name  text collate "C" not null primary key,
    value text not null
);

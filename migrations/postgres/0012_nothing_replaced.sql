-- Nothing to do here: PostgreSQL replaces a row by an update, which the triggers of append-only tables refuse. SQLite has a script of this name.
select 1;

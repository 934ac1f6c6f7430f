//! Statements as constants: one text for both databases where that is possible, two where it is not.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::connect::Kind;

/// One SQL statement, with `$1` placeholders on both databases.
///
/// Usually made by [`statements!`](crate::statements), which also gives it the name that errors mention.
///
/// Marks in the text are replaced before it is sent, so that most statements need no second text:
/// - `{in:$1}` is true for members of the list that is bound as **one** parameter ([`Value::texts`](super::Value::texts),
///   [`Value::ints`](super::Value::ints)): `where id {in:$1}`. Its negation is `where not (id {in:$1})`.
/// - `{pairs:$1}` is a source of rows: a list of texts `OWNER/ITEM`, bound as one parameter, as two columns, `owner` and `item`.
///   Joined, each pair is looked up by its key; two lists would have every owner tried with every item.
/// - `{high:amount}` and `{low:amount}` are the sum of an amount in two halves of 32 bits and more, which no sum is too large for.
///   PostgreSQL sums 64 bits without a limit and the sum is split; SQLite would refuse a sum of more than 64 bits, so each amount is.
/// - `{postgres: …}` and `{sqlite: …}` are kept on the database they name and left out on the other. The usual one is
///   `{postgres: for update}`: SQLite has no row locks, and its one writer needs none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sql {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
    marked: bool,
}

impl Sql {
    /// One text for both databases.
    #[must_use]
    pub const fn same(text: &'static str) -> Self {
        Self { name: "a statement", sqlite: text, postgres: text, marked: contains_brace(text) }
    }

    /// A text for each database, for the few statements that cannot be written as one. A test counts them.
    #[must_use]
    pub const fn fork(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { name: "a statement", sqlite, postgres, marked: contains_brace(sqlite) || contains_brace(postgres) }
    }

    /// The same statement under the name that errors and logs mention.
    #[must_use]
    pub const fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The name that errors and logs mention.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the two databases get texts of their own: by [`Sql::fork`], or by a mark that only one of them keeps.
    #[must_use]
    pub fn is_forked(&self) -> bool {
        self.sqlite != self.postgres || self.sqlite.contains("{sqlite:") || self.postgres.contains("{postgres:")
    }

    /// The text that is sent to a database of this kind.
    #[must_use]
    pub fn text(&self, kind: Kind) -> String {
        self.sql_str(kind).as_str().to_owned()
    }

    pub(super) fn sql_str(&self, kind: Kind) -> SqlStr {
        let text = match kind {
            Kind::Sqlite => self.sqlite,
            Kind::Postgres => self.postgres,
        };
        if self.marked { AssertSqlSafe(expanded(kind, text)).into_sql_str() } else { text.into_sql_str() }
    }
}

const fn contains_brace(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'{' {
            return true;
        }
        at += 1;
    }
    false
}

type Expansions = RwLock<HashMap<(Kind, &'static str), Arc<str>>>;

/// Statements are constants, so this holds at most one entry for each marked statement and database.
static EXPANSIONS: LazyLock<Expansions> = LazyLock::new(Expansions::default);

fn expanded(kind: Kind, text: &'static str) -> Arc<str> {
    let known = EXPANSIONS.read().unwrap_or_else(PoisonError::into_inner).get(&(kind, text)).cloned();
    known.unwrap_or_else(|| {
        let expansion: Arc<str> = expand(kind, text).into();
        let mut expansions = EXPANSIONS.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(expansions.entry((kind, text)).or_insert(expansion))
    })
}

/// Replaces the marks. What is no mark is left as it is, so that a mistake fails loudly when the statement is prepared.
fn expand(kind: Kind, text: &str) -> String {
    let mut result = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, mark_on)) = rest.split_once('{') {
        result.push_str(before);
        let Some((mark, after)) = mark_on.split_once('}') else {
            result.push('{');
            rest = mark_on;
            continue;
        };
        match (mark.split_once(':'), kind) {
            (Some(("in", list)), Kind::Postgres) => result.extend(["= any(", list, ")"]),
            (Some(("in", list)), Kind::Sqlite) => result.extend(["in (select value from json_each(", list, "))"]),
            (Some(("pairs", list)), Kind::Postgres) => result.extend([
                "(select split_part(pair, '/', 1) as owner, split_part(pair, '/', 2) as item from unnest(",
                list,
                "::text[]) as pair)",
            ]),
            (Some(("pairs", list)), Kind::Sqlite) => result.extend([
                "(select substr(value, 1, instr(value, '/') - 1) as owner, substr(value, instr(value, '/') + 1) as item from json_each(",
                list,
                "))",
            ]),
            (Some(("high", amount)), Kind::Postgres) => result.extend(["cast(div(sum(", amount, "), 4294967296) as bigint)"]),
            (Some(("high", amount)), Kind::Sqlite) => result.extend(["cast(sum(", amount, " / 4294967296) as bigint)"]),
            (Some(("low", amount)), Kind::Postgres) => result.extend(["cast(sum(", amount, ") % 4294967296 as bigint)"]),
            (Some(("low", amount)), Kind::Sqlite) => result.extend(["cast(sum(", amount, " % 4294967296) as bigint)"]),
            (Some(("postgres", kept)), Kind::Postgres) | (Some(("sqlite", kept)), Kind::Sqlite) => {
                result.push_str(kept.trim());
            }
            (Some(("postgres" | "sqlite", _)), _) => {}
            _ => result.extend(["{", mark, "}"]),
        }
        rest = after;
    }
    result.push_str(rest);
    result
}

/// Declares the statements of a module, and a list of them, `STATEMENTS`, that lets a test prepare every one on both databases.
///
/// ```
/// kasacare::statements! {
///     /// The account with this id.
///     pub BY_ID = same("select name from account where id = $1");
///     /// The oldest jobs that nobody works on.
///     CLAIM = same("select id from job order by due_at limit $1 {postgres: for update skip locked}");
/// }
/// assert_eq!(STATEMENTS.len(), 2);
/// assert!(CLAIM.is_forked() && BY_ID.name().ends_with("BY_ID"));
/// ```
#[macro_export]
macro_rules! statements {
    ($($(#[$meta:meta])* $visibility:vis $name:ident = $make:ident($($text:expr),+ $(,)?);)+) => {
        $(
            $(#[$meta])*
            $visibility const $name: $crate::store::db::Sql =
                $crate::store::db::Sql::$make($($text),+).named(concat!(module_path!(), "::", stringify!($name)));
        )+
        /// Every statement of this module with its name, for the test that prepares them all.
        pub const STATEMENTS: &[(&str, $crate::store::db::Sql)] = &[$((stringify!($name), $name)),+];
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_expanded_for_each_database() {
        const LOCKED: Sql = Sql::same("select 1 from t where id {in:$1} and s = $2{postgres: for update}{sqlite: -- x}");
        assert_eq!(LOCKED.text(Kind::Postgres), "select 1 from t where id = any($1) and s = $2for update");
        assert_eq!(LOCKED.text(Kind::Sqlite), "select 1 from t where id in (select value from json_each($1)) and s = $2-- x");
    }

    #[test]
    fn pairs_are_a_source_of_rows() {
        const PAIRS: Sql = Sql::same("select 1 from {pairs:$1} as p");
        assert!(PAIRS.text(Kind::Postgres).ends_with("as item from unnest($1::text[]) as pair) as p"));
        assert!(PAIRS.text(Kind::Sqlite).ends_with("as item from json_each($1)) as p"));
        assert!(!PAIRS.is_forked());
    }

    #[test]
    fn sums_come_in_halves() {
        const SUM: Sql = Sql::same("select {high:a.b} as high, {low:a.b} as low from t");
        assert_eq!(
            SUM.text(Kind::Postgres),
            "select cast(div(sum(a.b), 4294967296) as bigint) as high, cast(sum(a.b) % 4294967296 as bigint) as low from t"
        );
        assert_eq!(
            SUM.text(Kind::Sqlite),
            "select cast(sum(a.b / 4294967296) as bigint) as high, cast(sum(a.b % 4294967296) as bigint) as low from t"
        );
        assert!(!SUM.is_forked());
    }

    #[test]
    fn other_braces_are_left_alone() {
        assert_eq!(Sql::same("select '{a}', '{'").text(Kind::Sqlite), "select '{a}', '{'");
    }

    #[test]
    fn forks_are_told_apart() {
        assert!(!Sql::same("select 1 where 'a' {in:$1}").is_forked());
        assert!(Sql::same("select 1 {postgres: for update}").is_forked());
        assert!(Sql::fork("select 1", "select 2").is_forked());
    }
}

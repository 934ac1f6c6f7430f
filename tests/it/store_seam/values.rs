//! What is written is what is read, and what is not there is never read as something.

use chrono::NaiveDate;
use kasacare::store::db::{DbError, Kind, Sql, Value};
use kasacare::store::sums;
use kasacare::values;

use super::{ALL, INSERT, create_sample, rows};
use crate::world::on_both;

#[tokio::test]
async fn every_type_goes_there_and_back() {
    let texts = ["", " ", "it's \"quoted\"", "żółć 漢字 🏠", "$1 {in:$1} \\ %", "line\nbreak\ttab"];
    let ints = [0, 1, -1, i64::MAX, i64::MIN, 1_769_850_000_000_000];
    let dates = ["0001-01-01", "1970-01-01", "2024-02-29", "2026-01-31", "2100-02-28", "9999-12-31"];
    on_both(|db| async move {
        create_sample(&db).await;
        let mut tx = db.begin().await.unwrap();
        for (line, ((text, int), date)) in (0_i64..).zip(texts.into_iter().zip(ints).zip(dates)) {
            let date: NaiveDate = date.parse().unwrap();
            tx.execute(&INSERT, &values!["a", line, int, date, text]).await.unwrap();
        }
        tx.commit().await.unwrap();
        for (row, ((text, int), date)) in rows(&db, &ALL).await.iter().zip(texts.into_iter().zip(ints).zip(dates)) {
            assert_eq!(row.text("note").unwrap(), text);
            assert_eq!(row.str_at(4).unwrap(), text);
            assert_eq!(row.opt_text_at(4).unwrap().as_deref(), Some(text));
            assert_eq!(row.int("amount").unwrap(), int);
            assert_eq!(row.opt_int_at(2).unwrap(), Some(int));
            assert_eq!(row.date("due_on").unwrap().to_string(), date);
            assert_eq!(row.opt_date_at(3).unwrap().map(|date| date.to_string()).as_deref(), Some(date));
        }
    })
    .await;
}

/// Trap: sqlx-sqlite 0.9 decodes NULL as 0 or as an empty text when the target is not optional.
#[tokio::test]
async fn null_is_read_as_nothing_and_never_as_zero() {
    on_both(|db| async move {
        create_sample(&db).await;
        let mut tx = db.begin().await.unwrap();
        let nothing = values!["a", 0, None::<i64>, None::<NaiveDate>, None::<String>];
        tx.execute(&INSERT, &nothing).await.unwrap();
        tx.commit().await.unwrap();
        let all = rows(&db, &ALL).await;
        let row = all.first().unwrap();
        assert_eq!(row.opt_int("amount").unwrap(), None);
        assert_eq!(row.opt_date("due_on").unwrap(), None);
        assert_eq!(row.opt_text("note").unwrap(), None);
        assert_eq!(row.opt_flag("amount").unwrap(), None);
        let null = |column: &str| DbError::Corrupt { statement: ALL.name(), column: column.to_owned(), problem: "is NULL" };
        assert_eq!(row.int("amount"), Err(null("amount")));
        assert_eq!(row.int_at(2), Err(null("amount")));
        assert_eq!(row.date("due_on"), Err(null("due_on")));
        assert_eq!(row.text("note"), Err(null("note")));
        assert_eq!(row.str_at(4), Err(null("note")));
        assert_eq!(row.flag("amount"), Err(null("amount")));
    })
    .await;
}

#[tokio::test]
async fn a_value_of_another_type_names_its_column() {
    on_both(|db| async move {
        create_sample(&db).await;
        let mut tx = db.begin().await.unwrap();
        tx.execute(&INSERT, &values!["a", 0, 7, "2026-01-31".parse::<NaiveDate>().unwrap(), "text"]).await.unwrap();
        let row = tx.fetch_one(&ALL, &[]).await.unwrap();
        let wrong = |column: &str, problem| DbError::Corrupt { statement: ALL.name(), column: column.to_owned(), problem };
        assert_eq!(row.int("note"), Err(wrong("note", "has another type than expected")));
        assert_eq!(row.text("amount"), Err(wrong("amount", "has another type than expected")));
        let no_day = if db.kind() == Kind::Sqlite { "is not a day" } else { "has another type than expected" };
        assert_eq!(row.date("note"), Err(wrong("note", no_day)));
        assert_eq!(row.flag("amount"), Err(wrong("amount", "is neither 0 nor 1")));
        assert_eq!(row.int("nowhere"), Err(wrong("nowhere", "is not part of the result")));
        assert_eq!(row.int_at(9), Err(wrong("9", "is not part of the result")));
    })
    .await;
}

/// What each database makes of numbers that are no columns.
#[tokio::test]
async fn counts_literals_and_comparisons_are_integers() {
    const NUMBERS: Sql =
        Sql::same("select 1 as one, count(*) as n, 2 > 1 as yes, cast(coalesce(sum(line_no), 0) as bigint) as total from sample");
    on_both(|db| async move {
        create_sample(&db).await;
        let all = rows(&db, &NUMBERS).await;
        let row = all.first().unwrap();
        assert_eq!(row.int("one"), Ok(1));
        assert_eq!(row.int("n"), Ok(0));
        assert_eq!(row.flag("yes"), Ok(true));
        assert_eq!(row.int("total"), Ok(0));
    })
    .await;
}

#[tokio::test]
async fn a_list_is_one_parameter() {
    const BY_NOTE: Sql = Sql::same("select line_no from sample where note {in:$1} and id = $2 order by line_no");
    const NOT_BY_LINE: Sql = Sql::same("select line_no from sample where not (line_no {in:$1}) order by line_no");
    on_both(|db| async move {
        create_sample(&db).await;
        let mut tx = db.begin().await.unwrap();
        for (line, note) in (0_i64..).zip(["plain", "quo'te", "back\\slash", "com,ma", "\"", "ż"]) {
            tx.execute(&INSERT, &values!["a", line, 0, None::<NaiveDate>, note]).await.unwrap();
        }
        let mut lines = async |sql: &Sql, values: &[Value]| -> Vec<i64> {
            tx.fetch_all(sql, values).await.unwrap().iter().map(|row| row.int_at(0).unwrap()).collect()
        };
        let notes = Value::texts(["quo'te", "back\\slash", "com,ma", "\"", "ż", "other"]);
        assert_eq!(lines(&BY_NOTE, &[notes, "a".into()]).await, [1, 2, 3, 4, 5]);
        assert_eq!(lines(&BY_NOTE, &[Value::texts([""; 0]), "a".into()]).await, [0; 0]);
        assert_eq!(lines(&NOT_BY_LINE, &[Value::ints([0, 1, 2, 9])]).await, [3, 4, 5]);
        assert_eq!(lines(&NOT_BY_LINE, &[Value::ints([])]).await, [0, 1, 2, 3, 4, 5]);
    })
    .await;
}

/// By hand: twice 2^63 - 1, and 5 more, is 2^64 + 3; and the other way round less.
#[tokio::test]
async fn sums_of_more_than_64_bits_are_exact() {
    const SUMS: Sql = Sql::same(
        "select s.way, {high:s.amount} as high, {low:s.amount} as low from (\
         select 1 as way, 9223372036854775807 as amount union all select 1, 9223372036854775807 union all select 1, 5 \
         union all select 2, -9223372036854775807 union all select 2, -9223372036854775807 union all select 2, -5 \
         union all select 3, 4294967296 union all select 3, -1) as s group by s.way order by s.way",
    );
    on_both(|db| async move {
        let mut tx = db.begin_read().await.unwrap();
        let rows = tx.fetch_all(&SUMS, &[]).await.unwrap();
        let sums: Vec<i128> = rows.iter().map(|row| sums::exact(row, 1).unwrap()).collect();
        assert_eq!(sums, [18_446_744_073_709_551_619, -18_446_744_073_709_551_619, 4_294_967_295]);
    })
    .await;
}

//! Ageing by hand: 9.99 a month from 10 January, whose card fails from February on.

use kasacare::domain::change::operator::NewMethod;
use kasacare::store::db::Db;

use super::{as_of, told};
use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon};

async fn falls_behind(db: &Db) -> Town {
    let town = Town::on(db).await;
    let id = town.move_in("a", OREGON, "tok_ok").await;
    town.subscribe("2026-01-10", &id, "plus/monthly").await;
    let stolen = NewMethod { token: "tok_stolen".to_owned(), label: "Visa ending 1111".to_owned(), expires_on: None };
    town.act(noon("2026-01-11"), &id, |draft| draft.replace_method(&stolen)).await;
    for on in ["2026-02-10", "2026-03-10", "2026-04-10", "2026-05-10"] {
        town.run(on).await;
    }
    town
}

#[tokio::test]
async fn each_open_invoice_is_in_the_band_of_its_days() {
    on_both(async |db| {
        falls_behind(&db).await;
        // Due on 10 February, March, April, May. By 10 May that is 89, 61, 30 and 0 days ago.
        let report = told(&db, "receivables-ageing", &as_of("2026-05-10")).await;
        let bands = ["Not due 1 9.99", "1–30 1 9.99", "31–60 0 0.00", "61–90 2 19.98", "> 90 0 0.00"];
        assert_eq!(report.part("bands").shows(&["band", "invoices", "open"]), bands);
        let columns = ["due_on", "days_past_due", "not_due", "days_1_30", "days_31_60", "days_61_90", "days_over_90", "open"];
        let invoices = [
            "2026-02-10 89 - - - 9.99 - 9.99",
            "2026-03-10 61 - - - 9.99 - 9.99",
            "2026-04-10 30 - 9.99 - - - 9.99",
            "2026-05-10 0 9.99 - - - - 9.99",
        ];
        assert_eq!(report.part("open_invoices").shows(&columns), invoices);
        // By 20 May it is 99, 71, 40 and 10 days.
        let report = told(&db, "receivables-ageing", &as_of("2026-05-20")).await;
        let bands = ["Not due 0 0.00", "1–30 1 9.99", "31–60 1 9.99", "61–90 1 9.99", "> 90 1 9.99"];
        assert_eq!(report.part("bands").shows(&["band", "invoices", "open"]), bands);
        // As of an earlier date it is what it was.
        let report = told(&db, "receivables-ageing", &as_of("2026-03-09")).await;
        assert_eq!(report.part("open_invoices").shows(&["due_on", "days_past_due", "open"]), ["2026-02-10 27 9.99"]);
        let report = told(&db, "receivables-ageing", &as_of("2026-02-09")).await;
        assert_eq!(report.part("open_invoices").rows.len(), 0, "all was paid");
    })
    .await;
}

/// What cannot be collected is not expected.
#[tokio::test]
async fn renewals_without_a_usable_card_bring_no_cash() {
    on_both(async |db| {
        let town = falls_behind(&db).await;
        let id = town.move_in("b", OREGON, "tok_ok").await;
        town.subscribe("2026-05-11", &id, "plus/monthly").await;
        // After 11 May: of a, 10 June and 10 July (10 August lies one day after the 13 weeks); of b, 11 June and 11 July.
        let report = told(&db, "renewals-ahead", &as_of("2026-05-11")).await;
        let renewals = report.part("renewals").shows(&["on", "account", "net", "cash"]);
        let expected = [
            "2026-06-10 a 9.99 0.00",
            "2026-06-11 b 9.99 9.99",
            "2026-07-10 a 9.99 0.00",
            "2026-07-11 b 9.99 9.99",
            "2026-08-10 a 9.99 0.00",
        ];
        assert_eq!(renewals, expected);
        let months = report.part("months").shows(&["month", "renewals", "uncollected", "retries", "cash"]);
        assert_eq!(
            months,
            ["2026-05 0 0.00 0.00 0.00", "2026-06 2 9.99 0.00 9.99", "2026-07 2 9.99 0.00 9.99", "2026-08 1 9.99 0.00 0.00"]
        );
    })
    .await;
}

//! Anchors, late runs, cancellations on the first day, and time zones (CA).

use kasacare::domain::calendar::start_of_day;
use kasacare::domain::money::Rate;
use kasacare::domain::tax::{DatedRate, TaxRates};
use kasacare::store::reference;

use crate::world::on_both;
use crate::world::town::{CALIFORNIA, Home, OREGON, Town, day, minor, noon};

#[tokio::test]
async fn the_31st_of_january_over_four_years() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        town.subscribe("2025-01-31", &id, "plus/monthly").await;
        for month in 1..=48_u32 {
            let due = day("2025-01-31").checked_add_months(chrono::Months::new(month)).unwrap();
            town.run(&due.to_string()).await;
        }
        let invoices = town.invoices(&id).await;
        assert_eq!(invoices.len(), 49);
        let starts: Vec<String> = invoices.iter().take(4).map(|invoice| invoice.document.period.start.to_string()).collect();
        assert_eq!(starts, ["2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30"]);
        assert!(invoices.windows(2).all(|pair| pair[0].document.period.end == pair[1].document.period.start), "periods tile");
        assert!(invoices.iter().any(|invoice| invoice.document.period.start == day("2028-02-29")), "2028 is a leap year");
        assert!(invoices.iter().all(|invoice| invoice.captured.minor() == 999), "each is charged once");
    })
    .await;
}

#[tokio::test]
async fn the_29th_of_february_over_four_years() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        town.subscribe("2028-02-29", &id, "plus/annual").await;
        for due in ["2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"] {
            town.run(due).await;
        }
        let starts: Vec<String> = town.invoices(&id).await.iter().map(|invoice| invoice.document.period.start.to_string()).collect();
        assert_eq!(starts, ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]);
    })
    .await;
}

#[tokio::test]
async fn a_run_three_months_late_bills_one_missed_period_a_day() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        town.subscribe("2026-01-15", &id, "plus/monthly").await;
        for (run, periods) in [("2026-04-15", 2), ("2026-04-16", 3), ("2026-04-17", 4), ("2026-04-18", 4)] {
            town.run(run).await;
            town.run(run).await;
            assert_eq!(town.invoices(&id).await.len(), periods, "after the run of {run}");
        }
        let starts: Vec<String> = town.invoices(&id).await.iter().map(|invoice| invoice.document.period.start.to_string()).collect();
        assert_eq!(starts, ["2026-01-15", "2026-02-15", "2026-03-15", "2026-04-15"], "nominal periods, oldest first");
    })
    .await;
}

#[tokio::test]
async fn four_missed_periods_park_the_account_and_nobody_else() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let late = town.move_in("late", OREGON, "tok_ok").await;
        let other = town.move_in("other", OREGON, "tok_ok").await;
        town.subscribe("2026-01-15", &late, "plus/monthly").await;
        town.subscribe("2026-04-20", &other, "plus/monthly").await;
        let account = town.account(&late).await;
        assert!(account.profile.parked.is_none());
        // 15 February to 15 May: four starts lie before 20 May. (The run of 20 April brought the first up to date.)
        let before = town.invoices(&late).await.len();
        let summary = town.run("2026-08-20").await;
        assert_eq!(summary.parked.len(), 1, "{:?}", summary.parked);
        assert_eq!(town.invoices(&late).await.len(), before, "nothing is billed on a parked account");
        assert_eq!(town.account(&late).await.profile.parked.unwrap().code, "too_many_missed_periods");
        assert!(town.account(&other).await.profile.parked.is_none());
        town.act(noon("2026-08-21"), &late, |draft| draft.release(true)).await;
        town.run("2026-08-21").await;
        assert_eq!(town.invoices(&late).await.last().unwrap().document.period.start, day("2026-08-21"), "a new term from the release on");
    })
    .await;
}

#[tokio::test]
async fn cancelled_on_the_first_day_before_the_renewal_ran() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2025-03-10", &id, "plus/annual").await;
        town.run("2026-03-09").await;
        town.act(noon("2026-03-10"), &id, |draft| draft.cancel(&subscription)).await;
        town.run("2026-03-10").await;
        let account = town.account(&id).await;
        assert_eq!((account.invoices.len(), account.refunds.len()), (1, 0), "no later period is billed, nothing is refunded");
        assert_eq!(account.subscriptions[&subscription].state.name(), "closed");
    })
    .await;
}

#[tokio::test]
async fn cancelled_on_the_first_day_after_the_renewal_ran() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2025-03-10", &id, "plus/annual").await;
        town.run_at(noon("2026-03-10")).await;
        assert_eq!(town.account(&id).await.invoices.len(), 2);
        town.act(noon("2026-03-10") + chrono::TimeDelta::hours(6), &id, |draft| draft.cancel(&subscription)).await;
        town.run("2026-03-11").await;
        // One day used: 99.99 x 364/365 = 99.716 -> 99.72.
        assert_eq!(minor(town.account(&id).await.refunds.values().map(|refund| refund.amount)), [9_972]);
    })
    .await;
}

#[tokio::test]
async fn two_time_zones_across_a_change_of_the_clock() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let york = town.move_in("york", Home { currency: "USD", zone: "America/New_York", jurisdiction: "US-NY" }, "tok_ok").await;
        let berlin = town.move_in("berlin", Home { currency: "EUR", zone: "Europe/Berlin", jurisdiction: "DE" }, "tok_ok").await;
        for id in [&york, &berlin] {
            town.subscribe("2026-02-27", id, "plus/monthly").await;
        }
        // New York springs forward on 8 March, Berlin on 29 March. A renewal is due at local midnight.
        for (id, due) in [(&york, "2026-03-27T04:00:00Z"), (&berlin, "2026-03-26T23:00:00Z")] {
            let subscription = town.account(id).await.subscriptions.into_values().next().unwrap();
            assert_eq!(subscription.due_at.unwrap().to_rfc3339(), due.replace('Z', "+00:00"));
        }
        town.run_at("2026-03-26T23:00:00Z".parse().unwrap()).await;
        assert_eq!((town.invoices(&york).await.len(), town.invoices(&berlin).await.len()), (1, 2));
        town.run_at("2026-03-27T04:00:00Z".parse().unwrap()).await;
        assert_eq!((town.invoices(&york).await.len(), town.invoices(&berlin).await.len()), (2, 2));
        let next = town.account(&berlin).await.subscriptions.into_values().next().unwrap();
        assert_eq!(next.due_at, Some(start_of_day(day("2026-04-27"), "Europe/Berlin".parse().unwrap())));
        assert_eq!(next.due_at.unwrap().to_rfc3339(), "2026-04-26T22:00:00+00:00", "in summer time");
    })
    .await;
}

/// MO-2: a runner that has stood for weeks bills by the rate that was imported meanwhile: 9.99 x 0.0825 = 0.82, 9.99 x 0.09 = 0.90.
#[tokio::test]
async fn what_is_imported_while_a_runner_stands_is_in_force() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", CALIFORNIA, "tok_ok").await;
        town.subscribe("2026-01-31", &id, "plus/monthly").await;
        let rate = DatedRate { jurisdiction: "US-CA".to_owned(), valid_from: day("2026-02-10"), rate: Rate::parse("0.09").unwrap() };
        let mut tx = db.begin().await.unwrap();
        reference::store_tax_rates(&mut tx, &TaxRates::new([rate]).unwrap()).await.unwrap();
        tx.commit().await.unwrap();
        town.run("2026-02-28").await;
        assert_eq!(minor(town.invoices(&id).await.iter().map(|invoice| invoice.document.tax)), [82, 90]);
        // What is ordered of the same engine, too.
        let other = town.move_in("b", CALIFORNIA, "tok_ok").await;
        town.subscribe("2026-02-28", &other, "plus/monthly").await;
        assert_eq!(minor(town.invoices(&other).await.iter().map(|invoice| invoice.document.tax)), [90]);
    })
    .await;
}

//! The account's own row, and its cameras.

use chrono_tz::Tz;

use super::super::db::{Column, Columns, Table};
use super::super::error::StoreError;
use super::super::rows::{Reader, Writer, account_table};
use crate::domain::account::{Account, Method, Parked, Profile};
use crate::domain::ids::{AccountId, CameraId};
use crate::domain::money::{Currency, Money};

account_table! {
    /// What the domain knows of accounts; address and name are in [`CONTACTS`].
    ACCOUNTS = "accounts", key [], columns {
        credit_cash_minor: int,
        credit_goodwill_minor: int,
        carried_minor: int,
        parked_at: int,
        journal_seq: int,
        method_no: int,
        trial_used_on: date,
        caught_up_on: date,
        method_expires_on: date,
        method_blocked: int,
        currency: text,
        time_zone: text,
        jurisdiction: text,
        journal_hash: text,
        parked_code: text,
        parked_reason: text,
        method_token: text,
        method_label: text,
    }
    /// The accounts.
    LOAD = "";
}

/// Personal data: read to send a mail, written by imports and corrections, emptied by erasures (PP-2).
pub const CONTACTS: Table =
    Table { name: "accounts", columns: &[Column::text("account_id"), Column::text("email"), Column::text("name")], key: &["account_id"] };

account_table! {
    /// Cameras by owner.
    CAMERAS = "cameras", key [camera_id], columns { camera_id: text }
    /// All cameras of the accounts.
    LOAD_CAMERAS = " order by account_id, camera_id";
}

/// The columns that every decision changes: where the account's journal ends.
pub(super) const HEAD: &[&str] = &["account_id", "journal_seq", "journal_hash"];

/// Reads the row; the account's id is its first cell.
pub(super) fn read(row: &mut Reader<'_>) -> Result<Profile, StoreError> {
    let id = row.str()?;
    let id = AccountId::parse(id).map_err(|_| row.corrupt("is not an id"))?;
    let [cash, goodwill, carried] = [row.int()?, row.int()?, row.int()?];
    let parked_at = row.opt_instant()?;
    let journal_seq = row.int()?;
    let method_no = row.opt_count()?;
    let [trial_used_on, caught_up_on, expires_on] = [row.opt_date()?, row.opt_date()?, row.opt_date()?];
    let blocked = row.flag()?;
    let currency = row.tag(|code| Currency::parse(code).ok())?;
    let zone: Tz = row.tag(|name| name.parse().ok())?;
    let jurisdiction = row.text()?;
    let journal_hash = row.text()?;
    let parked = match (parked_at, row.opt_text()?, row.opt_text()?) {
        (Some(since), Some(code), Some(reason)) => Some(Parked { code, reason, since }),
        (None, None, None) => None,
        _ => return Err(row.corrupt("does not go with the other columns of its kind")),
    };
    let method = match (method_no, row.opt_text()?, row.opt_text()?) {
        (Some(number), Some(token), Some(label)) => Some(Method { number, token, label, expires_on, blocked }),
        (None, None, None) => None,
        _ => return Err(row.corrupt("does not go with the other columns of its kind")),
    };
    Ok(Profile {
        id,
        currency,
        zone,
        jurisdiction,
        trial_used_on,
        method,
        credit_cash: Money::new(cash, currency),
        credit_goodwill: Money::new(goodwill, currency),
        carried: Money::new(carried, currency),
        caught_up_on,
        parked,
        journal_seq,
        journal_hash,
    })
}

/// Writes the whole row.
pub(super) fn write(batch: &mut Columns, account: &Account, fault: &mut Option<StoreError>) {
    let profile = &account.profile;
    let (parked, method) = (profile.parked.as_ref(), profile.method.as_ref());
    Writer::new(batch, account, fault)
        .money(profile.credit_cash)
        .money(profile.credit_goodwill)
        .money(profile.carried)
        .opt_instant(parked.map(|parked| parked.since))
        .int(profile.journal_seq)
        .opt_int(method.map(|method| method.number))
        .opt_date(profile.trial_used_on)
        .opt_date(profile.caught_up_on)
        .opt_date(method.and_then(|method| method.expires_on))
        .flag(method.is_some_and(|method| method.blocked))
        .text(profile.currency.code())
        .text(profile.zone.name())
        .text(&profile.jurisdiction)
        .text(&profile.journal_hash)
        .opt_text(parked.map(|parked| parked.code.as_str()))
        .opt_text(parked.map(|parked| parked.reason.as_str()))
        .opt_text(method.map(|method| method.token.as_str()))
        .opt_text(method.map(|method| method.label.as_str()));
}

/// Whether two states of the row differ in nothing but the end of the journal.
pub(super) fn only_journal_differs(before: &Profile, after: &Profile) -> bool {
    let Profile {
        id,
        currency,
        zone,
        jurisdiction,
        trial_used_on,
        method,
        credit_cash,
        credit_goodwill,
        carried,
        caught_up_on,
        parked,
        journal_seq: _,
        journal_hash: _,
    } = before;
    *id == after.id
        && *currency == after.currency
        && *zone == after.zone
        && *jurisdiction == after.jurisdiction
        && *trial_used_on == after.trial_used_on
        && *method == after.method
        && *credit_cash == after.credit_cash
        && *credit_goodwill == after.credit_goodwill
        && *carried == after.carried
        && *caught_up_on == after.caught_up_on
        && *parked == after.parked
}

/// Reads a camera's cell after the account's.
pub(super) fn read_camera(row: &mut Reader<'_>) -> Result<CameraId, StoreError> {
    let id = row.str()?;
    CameraId::parse(id).map_err(|_| row.corrupt("is not an id"))
}

/// Adds the cameras that came and those that went.
pub(super) fn diff_cameras(before: &Account, after: &Account, came: &mut Columns, went: &mut Columns) {
    if before.cameras == after.cameras {
        return;
    }
    let id = after.profile.id.as_str();
    for camera in after.cameras.iter().filter(|camera| !before.cameras.contains(camera)) {
        came.row().text(id).text(camera.as_str());
    }
    for camera in before.cameras.iter().filter(|camera| !after.cameras.contains(camera)) {
        went.row().text(id).text(camera.as_str());
    }
}

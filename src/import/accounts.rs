//! Accounts with their cameras and payment methods.

use std::fmt;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::card_number::looks_like_card_number;
use super::fields::{Column, Fields, currency, is_one_line, jurisdiction, last_day_of_month};
use super::problem::Problem;
use super::rows::ImportRow;
use super::seen::UniqueKey;
use crate::domain::ids::{AccountId, CameraId, ID_CHARS_MAX};
use crate::domain::money::Currency;

/// Most cameras of one account.
pub const CAMERAS_PER_ACCOUNT_MAX: usize = 500;
/// Longest id of an account: a subscription that begins here is called `{account}-s{number}`.
pub const ACCOUNT_ID_CHARS_MAX: usize = ID_CHARS_MAX - "-s999999".len();
/// Longest address that mail can be sent to (RFC 5321).
const EMAIL_BYTES_MAX: usize = 254;
const NAME_CHARS_MAX: usize = 200;
const TOKEN_CHARS_MAX: usize = 255;
const LABEL_CHARS_MAX: usize = 64;
const METHOD_COLUMNS: [&str; 3] = ["payment_method_token", "payment_method_label", "payment_method_expires"];

/// A customer. `Debug` prints the id alone (PP-3).
#[derive(Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Its id.
    pub account_id: AccountId,
    /// Where notices and receipts go.
    pub email: String,
    /// How the customer is addressed.
    pub name: String,
    /// Billing time zone: its dates are the dates of every period.
    pub time_zone: Tz,
    /// The one currency that it is billed in.
    pub currency: Currency,
    /// Where its tax is due (MO-2).
    pub jurisdiction: String,
    /// Its cameras.
    pub cameras: Vec<CameraId>,
    /// The payment method on file.
    pub payment_method: Option<PaymentMethodRow>,
}

impl fmt::Debug for AccountRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountRow").field("account_id", &self.account_id).finish_non_exhaustive()
    }
}

/// A payment method as its provider knows it. `Debug` prints nothing of it (PP-3).
#[derive(Clone, PartialEq, Eq)]
pub struct PaymentMethodRow {
    /// The provider's token.
    pub token: String,
    /// What the customer recognises: `Visa ending 4242`.
    pub label: String,
    /// Last day of validity; `None` for a method that does not expire.
    pub expires_on: Option<NaiveDate>,
}

impl PaymentMethodRow {
    /// A payment method from its parts, with the rules of the import columns; `expires` is its last month, `YYYY-MM`.
    ///
    /// ```
    /// use kasacare::import::PaymentMethodRow;
    /// assert!(PaymentMethodRow::parse("pm_1", "Visa ending 4242", Some("2028-02")).is_ok());
    /// let (field, problem) = PaymentMethodRow::parse("4242424242424242", "Visa", None).unwrap_err();
    /// assert_eq!((field, problem.to_string().contains("4242")), ("payment_method_token", false));
    /// ```
    ///
    /// # Errors
    /// The column and what is wrong with it; texts that look like a card number are refused and not repeated (PP-3).
    pub fn parse(token: &str, label: &str, expires: Option<&str>) -> Result<Self, (&'static str, Problem)> {
        let [token_column, label_column, expires_column] = METHOD_COLUMNS;
        let screened = |text: &str| if looks_like_card_number(text) { Err(Problem::CardNumber) } else { Ok(()) };
        let take = |column, text, parse: fn(&str) -> Result<String, Problem>| {
            screened(text)
                .and_then(|()| if text.is_empty() { Err(Problem::Missing) } else { parse(text) })
                .map_err(|problem| (column, problem))
        };
        Ok(Self {
            token: take(token_column, token, self::token)?,
            label: take(label_column, label, self::label)?,
            expires_on: expires.map(last_day_of_month).transpose().map_err(|problem| (expires_column, problem))?,
        })
    }
}

impl fmt::Debug for PaymentMethodRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaymentMethodRow").finish_non_exhaustive()
    }
}

impl ImportRow for AccountRow {
    const COLUMNS: &'static [Column] = &[
        Column::required("account_id"),
        Column::required("email"),
        Column::required("name"),
        Column::required("time_zone"),
        Column::required("currency"),
        Column::required("jurisdiction"),
        Column::optional("cameras"),
        Column::optional("payment_method_token"),
        Column::optional("payment_method_label"),
        Column::optional("payment_method_expires"),
    ];
    const SCREENED: bool = true;

    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let account_id = fields.required("account_id", account_id);
        let email = fields.required("email", email);
        let name = fields.required("name", person_name);
        let time_zone =
            fields.required("time_zone", |text| text.parse::<Tz>().map_err(|_| Problem::not_a("an IANA time zone, like Europe/Berlin")));
        let currency = fields.required("currency", currency);
        let jurisdiction = fields.required("jurisdiction", jurisdiction);
        let cameras = fields.list("cameras", CAMERAS_PER_ACCOUNT_MAX, |text| Ok(CameraId::parse(text)?));
        let payment_method = payment_method(fields);
        Some(Self {
            account_id: account_id?,
            email: email?,
            name: name?,
            time_zone: time_zone?,
            currency: currency?,
            jurisdiction: jurisdiction?,
            cameras: cameras?,
            payment_method,
        })
    }

    fn unique_keys(&self, note: &mut dyn FnMut(UniqueKey<'_>)) {
        let id = self.account_id.as_str();
        note(UniqueKey { field: "account_id", parts: &[id], shown: Some(id) });
        for camera in &self.cameras {
            note(UniqueKey { field: "cameras", parts: &[camera.as_str()], shown: Some(camera.as_str()) });
        }
    }
}

/// Token and label go together; an expiry needs both, and may be absent for methods that do not expire.
fn payment_method(fields: &mut Fields<'_>) -> Option<PaymentMethodRow> {
    let [token_column, label_column, expires_column] = METHOD_COLUMNS;
    if METHOD_COLUMNS.iter().all(|column| !fields.has(column)) {
        return None;
    }
    for (column, other) in [(label_column, token_column), (token_column, label_column), (expires_column, token_column)] {
        if fields.has(column) && !fields.has(other) {
            fields.note(column, Problem::Needs { other });
        }
    }
    let token = fields.optional(token_column, token);
    let label = fields.optional(label_column, label);
    let expires_on = fields.optional(expires_column, last_day_of_month);
    Some(PaymentMethodRow { token: token?, label: label?, expires_on })
}

/// An id that leaves room for those of the account's subscriptions.
fn account_id(text: &str) -> Result<AccountId, Problem> {
    let id = AccountId::parse(text)?;
    if text.len() <= ACCOUNT_ID_CHARS_MAX {
        return Ok(id);
    }
    Err(Problem::Rule(format!(
        "an account's id has at most {ACCOUNT_ID_CHARS_MAX} characters, which leaves room for the `-s` and the number of its subscriptions"
    )))
}

/// An address that the mail library will accept when a message is built.
fn email(text: &str) -> Result<String, Problem> {
    let is_address = text.len() <= EMAIL_BYTES_MAX && text.parse::<lettre::Address>().is_ok();
    if is_address { Ok(text.to_owned()) } else { Err(Problem::not_a("an email address")) }
}

fn person_name(text: &str) -> Result<String, Problem> {
    let is_name = is_one_line(text, NAME_CHARS_MAX);
    if is_name { Ok(text.to_owned()) } else { Err(Problem::not_a("one line of at most 200 characters, without blanks around it")) }
}

fn token(text: &str) -> Result<String, Problem> {
    let in_a_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    let is_token = text.len() <= TOKEN_CHARS_MAX && text.chars().all(in_a_token);
    if is_token {
        Ok(text.to_owned())
    } else {
        Err(Problem::not_a("a provider's token: at most 255 letters, digits, `_`, `-`, `.` and `:`"))
    }
}

fn label(text: &str) -> Result<String, Problem> {
    let is_label = is_one_line(text, LABEL_CHARS_MAX);
    if is_label { Ok(text.to_owned()) } else { Err(Problem::not_a("one line of at most 64 characters, like `Visa ending 4242`")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{Format, ImportError, Placed, read_all};

    const HEADER: &str =
        "account_id,email,name,time_zone,currency,jurisdiction,cameras,payment_method_token,payment_method_label,payment_method_expires";

    fn read(rows: &str) -> Result<Vec<Placed<AccountRow>>, ImportError> {
        read_all("accounts.csv", Format::Csv, format!("{HEADER}\n{rows}").as_bytes())
    }

    #[track_caller]
    fn refused(rows: &str, expected: &str) {
        assert_eq!(read(rows).unwrap_err().to_string(), expected);
    }

    const JO: &str = "a-1,jo@example.com,\"Jo, \"\"the\"\" Smith\",Europe/Berlin,EUR,DE,cam-1; cam-2,tok_1,Visa ending 4242,2028-02";

    #[test]
    fn a_full_row_is_taken_over() {
        let row = read(JO).unwrap().remove(0).row;
        assert_eq!((row.name.as_str(), row.time_zone, row.cameras.len()), ("Jo, \"the\" Smith", chrono_tz::Europe::Berlin, 2));
        let method = row.payment_method.unwrap();
        assert_eq!((method.label.as_str(), method.expires_on), ("Visa ending 4242", NaiveDate::from_ymd_opt(2028, 2, 29)));
    }

    #[test]
    fn json_holds_the_same() {
        let json = r#"{"account_id":"a-1","email":"jo@example.com","name":"Jo, \"the\" Smith","time_zone":"Europe/Berlin","currency":"EUR",
            "jurisdiction":"DE","cameras":["cam-1","cam-2"],"payment_method_token":"tok_1","payment_method_label":"Visa ending 4242",
            "payment_method_expires":"2028-02"}"#;
        let from_csv = read(JO).unwrap().remove(0).row;
        for text in [format!("[{json}]"), json.replace('\n', " ")] {
            let from_json = read_all::<AccountRow>("a.json", Format::Json, text.as_bytes()).unwrap().remove(0).row;
            assert!(from_json == from_csv);
        }
    }

    #[test]
    fn cameras_and_payment_method_may_be_absent() {
        let csv = "account_id,email,name,time_zone,currency,jurisdiction\na,a@b.example,A,UTC,JPY,JP\n";
        let row = read_all::<AccountRow>("a.csv", Format::Csv, csv.as_bytes()).unwrap().remove(0).row;
        assert!(row.cameras.is_empty() && row.payment_method.is_none());
    }

    #[test]
    fn values_are_never_repeated() {
        refused(
            "a-1,jo smith at example,Jo\u{7} Smith,Berlin,EURO,Germany,cam 1,tok 1,\"Visa\nending\",02/28\n",
            "accounts.csv:2: email: must be an email address
accounts.csv:2: name: must be one line of at most 200 characters, without blanks around it
accounts.csv:2: time_zone: must be an IANA time zone, like Europe/Berlin
accounts.csv:2: currency: must be an ISO 4217 currency code, like USD
accounts.csv:2: jurisdiction: must be a jurisdiction: up to 16 capital letters, digits and dashes, like US-CA
accounts.csv:2: cameras: an id has only letters, digits, `_`, `.` and `-`; character 4 is none of these
accounts.csv:2: payment_method_token: must be a provider's token: at most 255 letters, digits, `_`, `-`, `.` and `:`
accounts.csv:2: payment_method_label: must be one line of at most 64 characters, like `Visa ending 4242`
accounts.csv:2: payment_method_expires: must be a month, YYYY-MM",
        );
    }

    #[test]
    fn a_card_number_anywhere_refuses_the_row_unread() {
        for column in 0..10 {
            let mut cells = ["a-1", "jo@example.com", "Jo", "UTC", "EUR", "DE", "cam-1", "tok_1", "Visa", "2028-02"];
            cells[column] = "4242 4242 4242 4242";
            let name = HEADER.split(',').nth(column).unwrap();
            let expected = format!("accounts.csv:2: {name}: looks like a card number, which is never accepted (PP-3)");
            refused(&cells.join(","), &expected);
        }
    }

    #[test]
    fn accounts_and_cameras_are_there_once() {
        refused(
            "a-1,a@b.example,A,UTC,EUR,DE,cam-1,,,\na-2,b@b.example,B,UTC,EUR,DE,cam-2;cam-1,,,\na-1,c@b.example,C,UTC,EUR,DE,,,,\n",
            "accounts.csv:3: cameras: `cam-1` is there twice, first on line 2\naccounts.csv:4: account_id: `a-1` is there twice, first on line 2",
        );
    }

    #[test]
    fn an_account_id_leaves_room_for_its_subscriptions() {
        let row = |chars: usize| format!("{},a@b.example,A,UTC,EUR,DE,,,,\n", "x".repeat(chars));
        let longest = read(&row(ACCOUNT_ID_CHARS_MAX)).unwrap().remove(0).row.account_id;
        assert!(crate::domain::ids::SubscriptionId::parse(&format!("{longest}-s999999")).is_ok());
        for chars in [ACCOUNT_ID_CHARS_MAX + 1, 64] {
            refused(
                &row(chars),
                "accounts.csv:2: account_id: an account's id has at most 56 characters, which leaves room for the `-s` and the number of its \
subscriptions",
            );
        }
    }

    #[test]
    fn half_a_payment_method_is_refused() {
        refused(
            "a-1,a@b.example,A,UTC,EUR,DE,,tok_1,,\n",
            "accounts.csv:2: payment_method_token: can be given only together with payment_method_label",
        );
        refused(
            "a-1,a@b.example,A,UTC,EUR,DE,,,,2028-01\n",
            "accounts.csv:2: payment_method_expires: can be given only together with payment_method_token",
        );
        assert_eq!(read("a-1,a@b.example,A,UTC,EUR,DE,,tok_1,PayPal,\n").unwrap().remove(0).row.payment_method.unwrap().expires_on, None);
    }

    #[test]
    fn debug_shows_no_personal_data() {
        let shown = format!("{:?}", read(JO).unwrap());
        assert!(shown.contains("a-1") && !shown.contains("Smith") && !shown.contains("example") && !shown.contains("tok_1"), "{shown}");
    }
}

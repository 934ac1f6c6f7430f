//! What the commands that change an account have in common: their options, and quoting, doing and showing.

use super::as_of::AsOf;
use super::change::{self, Stored};
use super::given::CARD_NUMBER;
use super::{CliError, Context, Exit, Format, database};
use crate::clock::Clock;
use crate::domain::account::Profile;
use crate::domain::calendar::local_date;
use crate::domain::change::{Draft, Planned, Refusal};
use crate::domain::ids::{AccountId, CameraId, check_id};
use crate::domain::money::{AMOUNT_MINOR_MAX, Currency, Money};
use crate::engine::{Engine, EngineError, Request, Who, desk};
use crate::import::looks_like_card_number;
use crate::store::db::Db;
use crate::store::error::StoreError;

/// Longest name of an operator, in characters.
pub const BY_CHARS_MAX: usize = 64;
/// Longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 500;

/// The options of every command that changes something.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "How it is carried out")]
pub struct Act {
    /// Show what would happen, the money first, and change nothing (CP-2)
    #[arg(long)]
    pub quote: bool,
    /// Why; recorded with the decision, and required of operators
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Who decides: an operator's name; where it is absent and a customer may decide, `customer`
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// The caller's id of this request; the same request again is "already done" and changes nothing, and another one under
    /// the same id is refused
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// What is taken for now.
    #[command(flatten)]
    pub as_of: AsOf,
}

/// A line that is stored and shown: not empty, without control characters, and no card number (PP-3).
///
/// # Errors
/// What is wrong with it, without repeating it.
pub fn one_line(option: &'static str, text: &str, chars_max: usize) -> Result<String, CliError> {
    let problem = if text.trim() != text || text.is_empty() {
        "must not be empty, nor have blanks around it".to_owned()
    } else if text.chars().any(char::is_control) || text.chars().count() > chars_max {
        format!("must be one line of at most {chars_max} characters")
    } else if looks_like_card_number(text) {
        CARD_NUMBER.to_owned()
    } else {
        return Ok(text.to_owned());
    };
    Err(CliError::Option { option, problem })
}

/// Who may decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The customer, or somebody for the customer.
    Customer,
    /// A named operator, with a reason (LC-7).
    Operator,
}

impl Act {
    /// On whose behalf the decision is made, and what is `asked` for, to be told apart from other requests. A quote decides nothing, so that neither name nor reason is asked for.
    ///
    /// # Errors
    /// [`CliError::Option`] for a name or a reason that cannot be recorded. (Here and not where arguments are parsed, because
    /// messages from there repeat the value.)
    pub fn who(&self, role: Role, asked: &str) -> Result<Who, CliError> {
        if let Some("system" | "customer") = self.by.as_deref() {
            let problem = "must be a person's name, who answers for the decision".to_owned();
            return Err(CliError::Option { option: "--by", problem });
        }
        let mut actor = checked("--by", self.by.as_deref(), BY_CHARS_MAX)?;
        let mut reason = checked("--reason", self.reason.as_deref(), REASON_CHARS_MAX)?;
        match role {
            Role::Customer => actor = actor.or_else(|| Some("customer".to_owned())),
            Role::Operator if self.quote => {
                actor = actor.or_else(|| Some("quote".to_owned()));
                reason = reason.or_else(|| Some("quote".to_owned()));
            }
            Role::Operator => {}
        }
        Ok(Who { actor: actor.unwrap_or_default(), reason, request_id: self.request(asked)? })
    }

    fn request(&self, asked: &str) -> Result<Option<Request>, CliError> {
        let Some(id) = self.request_id.clone() else { return Ok(None) };
        check_id(&id).map_err(|bad| CliError::Option { option: "--request-id", problem: bad.to_string() })?;
        Ok(Some(Request { id, asked: asked.to_owned() }))
    }
}

fn checked(option: &'static str, text: Option<&str>, chars_max: usize) -> Result<Option<String>, CliError> {
    text.map(|text| one_line(option, text, chars_max)).transpose()
}

/// One account, on which a command is about to act.
#[derive(Debug)]
pub struct Desk<'a> {
    engine: Engine,
    profile: Profile,
    act: &'a Act,
    request: String,
    format: Format,
}

impl<'a> Desk<'a> {
    /// Opens the database and finds the account.
    ///
    /// # Errors
    /// [`EngineError::NoAccount`], and whatever opening a database can say.
    pub async fn open(context: &Context, act: &'a Act, account: &AccountId) -> Result<Self, CliError> {
        let engine = Engine::open(database::open(context, 1).await?, Clock::System).await?;
        let profile = engine.account(account).await?.profile;
        Ok(Self {
            engine: engine.at(act.as_of.clock_in(profile.zone)),
            profile,
            act,
            request: context.request.clone(),
            format: context.format,
        })
    }

    /// Its database.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.engine.db
    }

    /// The token of the payment method on file.
    #[must_use]
    pub fn method_token(&self) -> Option<&str> {
        self.profile.method.as_ref().map(|method| method.token.as_str())
    }

    /// The account's currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.profile.currency
    }

    /// The account's date at the command's instant.
    #[must_use]
    pub fn today(&self) -> chrono::NaiveDate {
        local_date(self.engine.clock.now(), self.profile.zone)
    }

    /// Refuses a camera of somebody else, and a promotion code that has no uses left: what a draft of this account alone cannot
    /// see, so that a quote is what is then done.
    ///
    /// # Errors
    /// [`Refusal::NoCamera`], [`StoreError::PromotionUsedUp`].
    pub async fn check_order(&self, camera: Option<&CameraId>, promotion: Option<&str>) -> Result<(), CliError> {
        let (db, account) = (&self.engine.db, &self.profile.id);
        if let Some(camera) = camera
            && !desk::camera_is_free(db, account, camera).await?
        {
            let refusal = Refusal::NoCamera { camera: camera.to_string() };
            return Err(EngineError::Refused { account: account.to_string(), refusal }.into());
        }
        if let Some(code) = promotion {
            desk::promotion_is_left(db, code).await?;
        }
        Ok(())
    }

    /// An amount in major units of the account's currency: `9.99`, or `9.99 USD`.
    ///
    /// # Errors
    /// [`CliError::Option`] for what is no amount in that currency, is negative, or is above [`AMOUNT_MINOR_MAX`].
    pub fn amount(&self, option: &'static str, text: &str) -> Result<Money, CliError> {
        let currency = self.currency();
        let major = text.strip_suffix(currency.code()).map_or(text, str::trim_end);
        let bad = |problem: String| CliError::Option { option, problem };
        let amount = Money::parse_major(major, currency).map_err(|error| bad(error.to_string()))?;
        if (0..=AMOUNT_MINOR_MAX).contains(&amount.minor()) {
            Ok(amount)
        } else {
            Err(bad(format!("must be from {} to {}", Money::zero(currency), Money::new(AMOUNT_MINOR_MAX, currency))))
        }
    }

    /// Quotes the command, or does it and shows what it did.
    ///
    /// # Errors
    /// What the rules or the database say; then nothing has changed.
    pub async fn perform<T>(self, kind: &'static str, role: Role, plan: impl Fn(&mut Draft<'_>) -> Planned<T>) -> Result<Exit, CliError> {
        let who = self.act.who(role, &self.request)?;
        let id = &self.profile.id;
        let outcome = if self.act.quote {
            self.engine.quote(id, kind, &who, plan).await.map(|(change, _)| (change, Stored::Quoted))
        } else {
            self.engine.execute(id, kind, &who, plan).await.map(|(change, _)| (change, Stored::Done))
        };
        let exit = match outcome {
            Ok((change, stored)) => change::print(&change, stored, self.format).map(|()| Exit::Done),
            Err(EngineError::Store(StoreError::AlreadyDone { .. })) => self.already_done(kind),
            Err(error) => Err(error.into()),
        };
        self.engine.db.close().await;
        exit
    }

    fn already_done(&self, kind: &str) -> Result<Exit, CliError> {
        let request = self.act.request_id.as_deref().unwrap_or_default();
        let text = match self.format {
            Format::Table => format!("Already done: request {request} was carried out before; nothing has been changed.\n"),
            Format::Json => change::pretty(&serde_json::json!({
                "quote": self.act.quote,
                "changed": false,
                "already_done": true,
                "account": self.profile.id,
                "kind": kind,
                "request_id": request,
            })),
        };
        change::write(&text).map(|()| Exit::Done)
    }
}

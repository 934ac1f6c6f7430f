//! A bank statement as CAMT.053 (ISO 20022, any version): booked entries alone, each statement held against its own opening and closing
//! balance, so that one which is not complete is refused. Entries are read one at a time.

use std::io::Read;

use chrono::NaiveDate;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::bank_csv::{fingerprint, kept_text, payer};
use super::ordinal::Ordinals;
use super::source_bytes::Digested;
use super::{Out, values};
use crate::domain::money::Money;
use crate::domain::settlement::{BankLine, Told};
use crate::import::problem::{Problem, RowError, RowProblem};

/// Longest chain of elements that is followed.
const DEPTH_MAX: usize = 64;
/// Longest text of an entry that is looked at.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// What is said of a statement in ISO 8859-1 or the like.
const NOT_UTF8: &str =
    "not UTF-8 text: ask the bank for a statement in UTF-8, or turn it into one, as with iconv -f ISO-8859-1 -t UTF-8 FILE";

/// Where an amount is, and in which currency.
#[derive(Default)]
struct Amount {
    text: Option<String>,
    currency: Option<String>,
    side: Option<String>,
}

impl Amount {
    fn signed(&self, line: u64) -> Result<Money, RowProblem> {
        let missing = |field: &str| RowProblem::in_field(line, field, Problem::Missing);
        let code = self.currency.as_deref().ok_or_else(|| missing("Amt/@Ccy"))?;
        let currency = values::currency(code).map_err(|problem| RowProblem::in_field(line, "Amt/@Ccy", problem.showing(code)))?;
        let text = self.text.as_deref().ok_or_else(|| missing("Amt"))?;
        let minor = values::major(text, currency, false).map_err(|problem| RowProblem::in_field(line, "Amt", problem.showing(text)))?;
        match self.side.as_deref().ok_or_else(|| missing("CdtDbtInd"))? {
            "CRDT" => Ok(Money::new(minor, currency)),
            "DBIT" => Ok(Money::new(-minor, currency)),
            other => Err(RowProblem::in_field(line, "CdtDbtInd", Problem::not_a("CRDT or DBIT").showing(other))),
        }
    }
}

/// A statement while it is read.
#[derive(Default)]
struct Statement {
    account: Option<String>,
    /// Opening and closing balance.
    balances: [Option<Money>; 2],
    booked_minor: i64,
}

/// An entry or a balance while it is read.
#[derive(Default)]
struct Entry {
    line: u64,
    amount: Amount,
    status: Option<String>,
    kind: Option<String>,
    booked_on: Option<String>,
    references: [Option<String>; 2],
    text: String,
}

struct State<'o, 'a, 'b> {
    out: &'o mut Out<'a, 'b>,
    path: Vec<String>,
    text: String,
    statement: Statement,
    entry: Entry,
    ordinals: Ordinals,
    statements: u64,
}

pub(super) fn read<R: Read>(bytes: &mut Digested<R>, out: &mut Out<'_, '_>) -> Result<(), RowError> {
    let mut state = State {
        out,
        path: Vec::new(),
        text: String::new(),
        statement: Statement::default(),
        entry: Entry::default(),
        ordinals: Ordinals::default(),
        statements: 0,
    };
    let mut reader = Reader::from_reader(&mut *bytes);
    let mut buffer = Vec::new();
    let failed = loop {
        buffer.clear();
        let line = reader.get_ref().line();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Eof) => break None,
            Ok(event) => {
                if let Err(problem) = state.event(&event, line) {
                    break Some(problem);
                }
            }
            Err(error) => {
                let (is_text, reason) = match error {
                    quick_xml::Error::Io(_) => (true, String::new()),
                    quick_xml::Error::Encoding(_) => (false, String::new()),
                    other => (true, other.to_string()),
                };
                let failure = reader.get_mut().failure();
                let problem = failure
                    .unwrap_or_else(|| Problem::Rule(if is_text { format!("not valid XML: {reason}") } else { NOT_UTF8.to_owned() }));
                break Some(RowProblem::at(line, problem));
            }
        }
        reader.get_mut().record_ends();
        if state.out.stopped {
            return Ok(());
        }
    };
    match failed {
        Some(problem) => Err(problem.into()),
        None if state.statements == 0 => {
            Err(RowProblem::of_file(Problem::Rule("there is no statement (BkToCstmrStmt/Stmt) in the file".to_owned())).into())
        }
        None => Ok(()),
    }
}

impl State<'_, '_, '_> {
    fn event(&mut self, event: &Event<'_>, line: u64) -> Result<(), RowProblem> {
        match event {
            Event::Start(start) => self.starts(start, line)?,
            Event::Empty(start) => {
                self.starts(start, line)?;
                self.ends(line);
            }
            Event::End(_) => self.ends(line),
            Event::Text(text) => self.adds(text),
            Event::CData(text) => self.adds(text),
            Event::GeneralRef(name) => {
                let text = match &**name {
                    "amp" => "&",
                    "lt" => "<",
                    "gt" => ">",
                    "quot" => "\"",
                    "apos" => "'",
                    _ => "\u{fffd}",
                };
                self.adds(text);
            }
            _ => {}
        }
        Ok(())
    }

    fn adds(&mut self, text: &str) {
        if self.text.len() + text.len() <= TEXT_BYTES_MAX {
            self.text.push_str(text);
        }
    }

    fn starts(&mut self, start: &BytesStart<'_>, line: u64) -> Result<(), RowProblem> {
        let name = start.local_name().as_ref().to_owned();
        if self.path.len() >= DEPTH_MAX {
            return Err(RowProblem::at(line, Problem::Rule("elements are nested too deep".to_owned())));
        }
        self.path.push(name);
        self.text.clear();
        match self.inside().as_str() {
            "Stmt" => self.statement = Statement::default(),
            "Stmt/Ntry" | "Stmt/Bal" => self.entry = Entry { line, ..Entry::default() },
            "Stmt/Ntry/Amt" | "Stmt/Bal/Amt" => {
                let currency = start.try_get_attribute("Ccy").ok().flatten();
                self.entry.amount.currency = currency.map(|code| code.value.into_owned());
            }
            _ => {}
        }
        Ok(())
    }

    /// The path from the statement on.
    fn inside(&self) -> String {
        let from = self.path.iter().position(|name| name == "Stmt").unwrap_or(self.path.len());
        self.path.get(from..).unwrap_or_default().join("/")
    }

    fn ends(&mut self, line: u64) {
        let path = self.inside();
        let text = self.text.trim().to_owned();
        self.text.clear();
        let entry = &mut self.entry;
        match path.as_str() {
            "Stmt/Acct/Id/IBAN" | "Stmt/Acct/Id/Othr/Id" => self.statement.account = Some(text),
            "Stmt/Ntry/Amt" | "Stmt/Bal/Amt" => entry.amount.text = Some(text),
            "Stmt/Ntry/CdtDbtInd" | "Stmt/Bal/CdtDbtInd" => entry.amount.side = Some(text),
            "Stmt/Ntry/Sts" if !text.is_empty() => entry.status = Some(text),
            "Stmt/Ntry/Sts/Cd" => entry.status = Some(text),
            "Stmt/Ntry/BookgDt/Dt" | "Stmt/Ntry/BookgDt/DtTm" => entry.booked_on = Some(text),
            "Stmt/Ntry/AcctSvcrRef" => entry.references[0] = Some(text),
            "Stmt/Ntry/NtryRef" => entry.references[1] = Some(text),
            "Stmt/Bal/Tp/CdOrPrtry/Cd" => entry.kind = Some(text),
            "Stmt/Ntry/AddtlNtryInf" => entry.says(&text),
            "Stmt/Ntry" => self.entry_ends(),
            "Stmt/Bal" => self.balance_ends(),
            "Stmt" => self.statement_ends(line),
            details if details.starts_with("Stmt/Ntry/NtryDtls/TxDtls/") && is_telling(details) => entry.says(&text),
            _ => {}
        }
        self.path.pop();
    }

    fn balance_ends(&mut self) {
        let which = match self.entry.kind.as_deref() {
            Some("OPBD" | "PRCD") => 0,
            Some("CLBD") => 1,
            _ => return,
        };
        match self.entry.amount.signed(self.entry.line) {
            Ok(amount) => self.statement.balances[which] = Some(amount),
            Err(problem) => self.out.note(problem),
        }
    }

    fn entry_ends(&mut self) {
        let entry = std::mem::take(&mut self.entry);
        if !self.out.goes_on() {
            return;
        }
        match entry.status.as_deref() {
            Some("BOOK") | None => {}
            // Announced, not booked: it comes again.
            Some("PDNG" | "INFO" | "FUTR") => {
                self.out.skipped += 1;
                return;
            }
            Some(other) => {
                let name = other.chars().take(60).collect();
                return self.out.note(RowProblem::in_field(entry.line, "Sts", Problem::Unknown { what: "status", name }));
            }
        }
        match self.bank_line(&entry) {
            Ok(line) => {
                self.statement.booked_minor = self.statement.booked_minor.saturating_add(line.amount.minor());
                if line.amount.is_zero() {
                    self.out.skipped += 1;
                } else {
                    self.out.tell(entry.line, Told::BankLine(line));
                }
            }
            Err(problem) => self.out.note(problem),
        }
    }

    fn bank_line(&mut self, entry: &Entry) -> Result<BankLine, RowProblem> {
        let missing = |field: &str| RowProblem::in_field(entry.line, field, Problem::Missing);
        let amount = entry.amount.signed(entry.line)?;
        let account = self.statement.account.clone().ok_or_else(|| missing("Acct/Id"))?;
        let text = entry.booked_on.as_deref().ok_or_else(|| missing("BookgDt"))?;
        let booked_on: NaiveDate =
            values::date(text).map_err(|problem| RowProblem::in_field(entry.line, "BookgDt", problem.showing(text)))?;
        let [servicer, own] = entry.references.each_ref().map(|id| id.as_deref().filter(|id| !id.is_empty() && *id != "NOTPROVIDED"));
        let id = match (servicer, own) {
            (Some(id), _) => values::id(id).map_err(|problem| RowProblem::in_field(entry.line, "AcctSvcrRef", problem.showing(id)))?,
            // Often no more than a number within its statement.
            (None, Some(own)) => self.named_by_content(&account, booked_on, amount, &format!("{own} {}", entry.text)),
            (None, None) => self.named_by_content(&account, booked_on, amount, &entry.text),
        };
        let provider = payer(&entry.text);
        let reference = provider.as_ref().and_then(|_| kept_text(&entry.text));
        Ok(BankLine { account, id, booked_on, amount, provider, reference })
    }

    fn named_by_content(&mut self, account: &str, booked_on: NaiveDate, amount: Money, text: &str) -> String {
        self.ordinals.name_in(account, format!("{booked_on}/{}/{}", amount.major(), fingerprint(text)))
    }

    /// Opening balance and entries must be the closing balance.
    fn statement_ends(&mut self, line: u64) {
        self.statements += 1;
        let [Some(opening), Some(closing)] = self.statement.balances else { return };
        let expected = opening.minor().checked_add(self.statement.booked_minor);
        if expected != Some(closing.minor()) || opening.currency() != closing.currency() {
            let why =
                format!("opening balance {opening} and the booked entries do not make the closing balance {closing}: entries are missing");
            self.out.note(RowProblem::in_field(line, "Bal", Problem::Rule(why)));
        }
    }
}

impl Entry {
    fn says(&mut self, text: &str) {
        if !text.is_empty() && self.text.len() < TEXT_BYTES_MAX {
            if !self.text.is_empty() {
                self.text.push(' ');
            }
            self.text.push_str(text);
        }
    }
}

/// Where the text of an entry is that tells who paid, and for what.
fn is_telling(path: &str) -> bool {
    const ENDS: [&str; 7] = [
        "/RmtInf/Ustrd",
        "/RmtInf/Strd/CdtrRefInf/Ref",
        "/Refs/EndToEndId",
        "/RltdPties/Dbtr/Nm",
        "/RltdPties/Dbtr/Pty/Nm",
        "/RltdPties/Cdtr/Nm",
        "/RltdPties/Cdtr/Pty/Nm",
    ];
    ENDS.iter().any(|end| path.ends_with(end))
}

//! A journal for hledger or beancount as text that can be tampered with: blocks with empty lines between them, legs in lines.

use std::collections::BTreeMap;

use kasacare::reports::journal::JournalFormat;

/// A journal's text in its blocks.
#[derive(Clone)]
pub struct Books {
    pub format: JournalFormat,
    blocks: Vec<String>,
}

/// One leg where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Number of the block.
    pub block: usize,
    /// Line within the block.
    line: usize,
    /// Number in the chart.
    pub account: u16,
    /// In minor units, debits positive.
    pub minor: i64,
    pub currency: String,
}

/// An amount in minor units: the point is taken out.
fn minor(amount: &str) -> i64 {
    amount.replace('.', "").parse().unwrap_or_else(|_| panic!("`{amount}` is no amount"))
}

/// An amount with as many decimals as another one has.
fn written(minor: i64, like: &str) -> String {
    let decimals = like.split_once('.').map_or(0, |(_, rest)| rest.len());
    let digits = format!("{:0>width$}", minor.unsigned_abs(), width = decimals + 1);
    let (whole, rest) = digits.split_at(digits.len() - decimals);
    let point = if decimals == 0 { "" } else { "." };
    format!("{}{whole}{point}{rest}", if minor < 0 { "-" } else { "" })
}

/// The number of an account's path: `Assets:A1100-Accounts-receivable`.
fn number(path: &str) -> Option<u16> {
    path.split_once(":A")?.1.get(..4)?.parse().ok()
}

/// The words of a line that is a leg: path, amount, currency.
fn leg_words(line: &str) -> Option<(&str, &str, &str)> {
    let mut words = line.strip_prefix("  ")?.split_whitespace();
    let (path, amount, currency) = (words.next()?, words.next()?, words.next()?);
    (number(path).is_some() && words.next() != Some("=")).then_some((path, amount, currency))
}

/// The words of a line that states a balance: path, amount, currency.
fn stated_words(line: &str) -> Option<(&str, &str, &str)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [path, _, _, "=", amount, currency] => Some((path, amount, currency)),
        [_, "balance", path, amount, "~", _, currency] => Some((path, amount, currency)),
        _ => None,
    }
}

impl Books {
    pub fn new(format: JournalFormat, text: &str) -> Self {
        Self { format, blocks: text.split("\n\n").map(ToOwned::to_owned).collect() }
    }

    pub fn text(&self) -> String {
        self.blocks.join("\n\n")
    }

    /// The numbers of the entries with this title, in their order.
    pub fn titled(&self, title: &str) -> Vec<usize> {
        (0..self.blocks.len()).filter(|at| self.head(*at).trim_end_matches('"').ends_with(title)).collect()
    }

    fn head(&self, block: usize) -> &str {
        self.blocks[block].lines().next().unwrap_or_default()
    }

    pub fn block(&self, block: usize) -> &str {
        &self.blocks[block]
    }

    /// The date that stands on an entry.
    pub fn date(&self, block: usize) -> chrono::NaiveDate {
        self.head(block)[..10].parse().unwrap()
    }

    /// What a tag says that stands on an entry or one of its legs, at its first place.
    pub fn tag(&self, block: usize, name: &str) -> Option<&str> {
        let after = self.blocks[block].split_once(&format!(" {name}:"))?.1.trim_start_matches([' ', '"']);
        after.split([',', '"', '\n']).next()
    }

    pub fn legs(&self, block: usize) -> Vec<Leg> {
        let lines = self.blocks[block].lines().enumerate();
        let legs = lines.filter_map(|(line, text)| Some((line, leg_words(text)?)));
        let leg = |(line, (path, amount, currency)): (usize, (&str, &str, &str))| Leg {
            block,
            line,
            account: number(path).unwrap(),
            minor: minor(amount),
            currency: currency.to_owned(),
        };
        legs.map(leg).collect()
    }

    /// The entry's leg on this account.
    pub fn leg(&self, block: usize, account: u16) -> Option<Leg> {
        self.legs(block).into_iter().find(|leg| leg.account == account)
    }

    /// Moves a leg's amount by so many minor units.
    pub fn add(&mut self, leg: &Leg, more: i64) {
        let lines = self.blocks[leg.block].split('\n').enumerate();
        let changed = lines.map(|(line, text)| match leg_words(text) {
            Some((_, amount, currency)) if line == leg.line => {
                let new = written(minor(amount) + more, amount);
                text.replacen(&format!(" {amount} {currency}"), &format!(" {new} {currency}"), 1)
            }
            _ => text.to_owned(),
        });
        self.blocks[leg.block] = changed.collect::<Vec<_>>().join("\n");
    }

    pub fn replace(&mut self, block: usize, from: &str, to: &str) {
        let changed = self.blocks[block].replace(from, to);
        assert_ne!(changed, self.blocks[block], "`{from}` does not stand in:\n{}", self.blocks[block]);
        self.blocks[block] = changed;
    }

    pub fn remove(&mut self, block: usize) {
        self.blocks.remove(block);
    }

    pub fn repeat(&mut self, block: usize) {
        self.blocks.insert(block, self.blocks[block].clone());
    }

    pub fn swap(&mut self, one: usize, other: usize) {
        self.blocks.swap(one, other);
    }

    /// Writes our own trial balance anew, so that every assertion agrees with the legs as they stand now.
    pub fn agree(&mut self) {
        let mut balances = BTreeMap::<(String, String), i64>::new();
        for block in &mut self.blocks {
            let mut lines = Vec::new();
            for line in block.split('\n') {
                if let Some((path, amount, currency)) = leg_words(line) {
                    *balances.entry((path.to_owned(), currency.to_owned())).or_default() += minor(amount);
                }
                lines.push(stated_words(line).map_or_else(
                    || line.to_owned(),
                    |(path, amount, currency)| {
                        let balance = balances.get(&(path.to_owned(), currency.to_owned())).copied().unwrap_or_default();
                        let new = written(balance, amount);
                        // Both of these words stand before the amount that is stated, and nowhere else.
                        let (equals, tilde) =
                            ((format!("= {amount} "), format!("= {new} ")), (format!(" {amount} ~"), format!(" {new} ~")));
                        line.replacen(&equals.0, &equals.1, 1).replacen(&tilde.0, &tilde.1, 1)
                    },
                ));
            }
            *block = lines.join("\n");
        }
    }
}

#[test]
fn amounts_keep_their_decimals() {
    for (by, amount, more) in
        [(1, "9.99", "10.00"), (-1, "0.00", "-0.01"), (2, "-0.01", "0.01"), (1, "1480", "1481"), (-1, "1.000", "0.999")]
    {
        assert_eq!(written(minor(amount) + by, amount), more);
    }
}

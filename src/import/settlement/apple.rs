//! Apple's financial reports, summary (`FINANCIAL`) or detail (`FINANCE_DETAIL`): tab-separated, a region and a fiscal month each. They name
//! no transaction, so that only totals can be compared. After the rows comes a block that counts and sums them, and must be what they make.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use super::ordinal::Ordinals;
use super::source_bytes::Digested;
use super::table::{Col, Row, Table, plain};
use super::{Out, values};
use crate::domain::money::{Currency, Money};
use crate::domain::settlement::{StoreTotal, Told};
use crate::import::problem::{Problem, RowError, RowProblem};

/// What the line after the last row begins with.
const TOTAL_ROWS: &str = "Total_Rows";

struct Columns {
    first: Col,
    last: Col,
    product: Col,
    country: Col,
    quantity: Col,
    share: Col,
    share_currency: Col,
    price: Col,
    customer_currency: Col,
    sale_or_return: Col,
}

impl Columns {
    fn find<R: Read>(table: &mut Table<'_, R>) -> Result<Self, RowError> {
        let found = [
            table.column(&["Transaction Date", "Start Date"]),
            table.column(&["Settlement Date", "End Date"]),
            table.column(&["SKU", "Vendor Identifier"]),
            table.column(&["Country of Sale", "Country Of Sale"]),
            table.column(&["Quantity"]),
            table.column(&["Extended Partner Share"]),
            table.column(&["Partner Share Currency"]),
            table.column(&["Customer Price"]),
            table.column(&["Customer Currency"]),
            table.column(&["Sale or Return", "Sales or Return"]),
        ];
        let [
            Some(first),
            Some(last),
            Some(product),
            Some(country),
            Some(quantity),
            Some(share),
            Some(share_currency),
            Some(price),
            Some(customer_currency),
            Some(sale_or_return),
        ] = found
        else {
            return Err(table.missing());
        };
        Ok(Self { first, last, product, country, quantity, share, share_currency, price, customer_currency, sale_or_return })
    }
}

pub(super) fn read<R: Read>(bytes: &mut Digested<R>, out: &mut Out<'_, '_>) -> Result<(), RowError> {
    let mut table = Table::begin(bytes, b'\t')?;
    let columns = Columns::find(&mut table)?;
    let mut ordinals = Ordinals::default();
    let mut rows: u64 = 0;
    let mut sums = Sums::new();
    while let Some(mut row) = table.next(out, |first| first == TOTAL_ROWS)? {
        rows += 1;
        let (line, total) = (row.line, total(&mut row, &columns, &mut ordinals));
        if let Err(error) = row.finish() {
            out.note_row(error);
        } else if let Some(total) = total {
            let sum = sums.entry((total.country.clone(), total.share.currency())).or_default();
            *sum = (sum.0 + i128::from(total.quantity), sum.1 + i128::from(total.share.minor()));
            out.tell(line, Told::Total(total));
        }
    }
    let (line, fields) = table.fields();
    let counted = fields.get(1).and_then(|count| count.parse::<u64>().ok());
    match (fields.first().copied(), counted) {
        _ if out.stopped => Ok(()),
        // Where a row is bad, its sums are not there.
        (Some(TOTAL_ROWS), Some(count)) if count == rows => block(&mut table, sums, out),
        (Some(TOTAL_ROWS), _) => {
            let problem = Problem::Rule(format!("the file has {rows} rows and not as many as it says"));
            Err(RowProblem::in_field(line, TOTAL_ROWS, problem).into())
        }
        _ => Err(RowProblem::of_file(Problem::Rule("the file ends before its line Total_Rows: a part of it is missing".to_owned())).into()),
    }
}

/// How many, and the share, by country and currency.
type Sums = BTreeMap<(String, Currency), (i128, i128)>;

/// Holds what follows the rows against them: a line for all of them, or a table with a line for each country and currency.
fn block<R: Read>(table: &mut Table<'_, R>, mut sums: Sums, out: &mut Out<'_, '_>) -> Result<(), RowError> {
    let differs = |line: u64, name: &str, made: String| {
        RowProblem::in_field(line, name, Problem::Rule(format!("the rows make {made}: some of them are missing, or there twice")))
    };
    let mut has_table = false;
    while !has_table && table.advance()? {
        let (line, fields) = table.fields();
        let all = sums.values().fold((0, 0), |all, sum| (all.0 + sum.0, all.1 + sum.1));
        let currencies: BTreeSet<Currency> = sums.keys().map(|(_, currency)| *currency).collect();
        let only = currencies.first().copied().filter(|_| currencies.len() == 1);
        match (fields.first().map(|name| plain(name)).as_deref(), fields.get(1), only) {
            (Some("total_units"), Some(units), _) if units.parse() != Ok(all.0) => {
                out.note(differs(line, "Total_Units", all.0.to_string()));
            }
            (Some("total_amount"), Some(told), Some(currency))
                if values::major(told, currency, false).map(i128::from).ok() != Some(all.1) =>
            {
                out.note(differs(line, "Total_Amount", shown(all.1, currency)));
            }
            (Some("country_of_sale"), ..) => has_table = true,
            _ => {}
        }
    }
    if !has_table {
        return Ok(());
    }
    table.rename();
    let found = [
        table.column(&["Country of Sale"]),
        table.column(&["Partner Share Currency"]),
        table.column(&["Quantity"]),
        table.column(&["Extended Partner Share"]),
    ];
    let [Some(country), Some(currency), Some(quantity), Some(share)] = found else { return Err(table.missing()) };
    let mut last = 0;
    while table.advance()? {
        let mut row = table.row();
        last = row.line;
        let (of, code) = (row.need(country, values::id), row.need(currency, values::currency));
        let told = (row.need(quantity, |text| text.parse().map_err(|_| Problem::not_a("a whole number"))), row.amount(share, code));
        row.finish()?;
        let (Some(of), Some(code), (Some(units), Some(minor))) = (of, code, told) else { continue };
        let made = sums.remove(&(of, code)).unwrap_or_default();
        if made != (units, i128::from(minor)) {
            out.note(differs(last, "Extended Partner Share", format!("{} with {}", made.0, shown(made.1, code))));
        }
    }
    // A country without a line of its own has sold nothing.
    if let Some(((of, code), made)) = sums.iter().find(|(_, made)| **made != (0, 0)) {
        out.note(differs(last, "Country of Sale", format!("{} with {} of {of}, which is not listed", made.0, shown(made.1, *code))));
    }
    Ok(())
}

fn shown(minor: i128, currency: Currency) -> String {
    i64::try_from(minor).map_or_else(|_| format!("{minor} {currency} in minor units"), |minor| Money::new(minor, currency).to_string())
}

fn total(row: &mut Row<'_>, columns: &Columns, ordinals: &mut Ordinals) -> Option<StoreTotal> {
    let date = |text: &str| values::date_as(text, "%m/%d/%Y").map_err(|_| Problem::not_a("a date, MM/DD/YYYY"));
    let (first_on, last_on) = (row.need(columns.first, date), row.need(columns.last, date));
    let (product, country) = (row.need(columns.product, values::id), row.need(columns.country, values::id));
    let quantity = row.need(columns.quantity, |text| text.parse::<i64>().map_err(|_| Problem::not_a("a whole number")));
    let share_currency = row.need(columns.share_currency, values::currency);
    let share = row.amount(columns.share, share_currency);
    let customer_currency = row.need(columns.customer_currency, values::currency);
    let price = row.amount(columns.price, customer_currency);
    let found = row.category(columns.sale_or_return, |word| match word {
        "S" => Some(false),
        "R" => Some(true),
        _ => None,
    });
    let (is_return, word) = found?;
    let (first_on, last_on, product, country) = (first_on?, last_on?, product?, country?);
    let (share, customer_price) = (Money::new(share?, share_currency?), Money::new(price?, customer_currency?));
    let id = ordinals.name(format!("{first_on}/{last_on}/{product}/{country}/{}/{}/{word}", share.currency(), customer_price.major()));
    Some(StoreTotal { id, first_on, last_on, product, country, is_return, quantity: quantity?, share, customer_price })
}

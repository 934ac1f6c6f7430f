//! Descriptions of tables, and batches of rows for them.

use chrono::NaiveDate;

use super::error::DbError;
use super::value::Type;

/// A column that batches can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name, the same on both databases.
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
}

impl Column {
    /// A text column.
    #[must_use]
    pub const fn text(name: &'static str) -> Self {
        Self { name, kind: Type::Text }
    }

    /// An integer column: amounts, instants, counts, yes and no.
    #[must_use]
    pub const fn int(name: &'static str) -> Self {
        Self { name, kind: Type::Int }
    }

    /// A column of days.
    #[must_use]
    pub const fn date(name: &'static str) -> Self {
        Self { name, kind: Type::Date }
    }
}

/// A table as batches see it: the columns in the order in which rows give them, and the columns that identify a row.
///
/// ```
/// use kasacare::store::db::{Column, Table};
/// pub const INVOICE_LINE: Table = Table {
///     name: "invoice_line",
///     columns: &[Column::text("invoice_id"), Column::int("line_no"), Column::int("amount_minor")],
///     key: &["invoice_id", "line_no"],
/// };
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// The name of the table.
    pub name: &'static str,
    /// The columns in order.
    pub columns: &'static [Column],
    /// The primary key: what upserts, updates and deletes find rows by.
    pub key: &'static [&'static str],
}

/// Rows to write, held column by column.
///
/// There is no allocation for a cell: the texts of a column lie in one buffer, so a batch costs what its data weighs and can be
/// sent again if the transaction has to be run again.
///
/// ```
/// # use kasacare::store::db::{Column, Columns, Table};
/// # const INVOICE_LINE: Table = Table { name: "invoice_line", key: &["invoice_id"],
/// #     columns: &[Column::text("invoice_id"), Column::int("line_no"), Column::int("amount_minor")] };
/// let mut lines = Columns::of(&INVOICE_LINE);
/// lines.row().text("in_1").int(1).int(9_999);
/// lines.row().text("in_1").int(2).int(-500);
/// assert_eq!(lines.len(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct Columns {
    table: &'static Table,
    cells: Vec<(Column, CellColumn)>,
    rows: usize,
    problem: Option<String>,
}

/// The cells of one column.
#[derive(Debug, Clone)]
pub(super) enum CellColumn {
    Text(TextCells),
    Int(Vec<Option<i64>>),
    Date(Vec<Option<NaiveDate>>),
}

/// Texts end to end in one buffer. A cell is its end in the buffer, or nothing for NULL.
#[derive(Debug, Clone, Default)]
pub(super) struct TextCells {
    buffer: String,
    cells: Vec<Option<(usize, usize)>>,
}

impl TextCells {
    fn push(&mut self, text: Option<&str>) {
        self.cells.push(text.map(|text| {
            let start = self.buffer.len();
            self.buffer.push_str(text);
            (start, self.buffer.len())
        }));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.cells.len()).map(|row| self.get(row))
    }

    pub(super) fn get(&self, row: usize) -> Option<&str> {
        self.cells.get(row).copied().flatten().and_then(|(start, end)| self.buffer.get(start..end))
    }
}

impl CellColumn {
    fn new(kind: Type) -> Self {
        match kind {
            Type::Text => Self::Text(TextCells::default()),
            Type::Int => Self::Int(Vec::new()),
            Type::Date => Self::Date(Vec::new()),
        }
    }

    /// Whether every row has the same in this column.
    pub(super) fn is_shared(&self) -> bool {
        fn alike<T: PartialEq>(mut cells: impl Iterator<Item = T>) -> bool {
            cells.next().is_some_and(|first| cells.all(|cell| cell == first))
        }
        match self {
            Self::Text(cells) => alike(cells.iter()),
            Self::Int(cells) => alike(cells.iter()),
            Self::Date(cells) => alike(cells.iter()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(cells) => cells.cells.len(),
            Self::Int(cells) => cells.len(),
            Self::Date(cells) => cells.len(),
        }
    }

    fn reserve(&mut self, rows: usize) {
        match self {
            Self::Text(cells) => cells.cells.reserve(rows),
            Self::Int(cells) => cells.reserve(rows),
            Self::Date(cells) => cells.reserve(rows),
        }
    }
}

impl Columns {
    /// No rows yet, with all columns of the table, for inserts and upserts.
    #[must_use]
    pub fn of(table: &'static Table) -> Self {
        let cells = table.columns.iter().map(|&column| (column, CellColumn::new(column.kind))).collect();
        Self { table, cells, rows: 0, problem: None }
    }

    /// No rows yet, with these columns of the table in this order: the key and what changes for updates, the key for deletes.
    #[must_use]
    pub fn only(table: &'static Table, names: &[&str]) -> Self {
        let mut batch = Self { table, cells: Vec::with_capacity(names.len()), rows: 0, problem: None };
        for name in names {
            match table.columns.iter().find(|column| column.name == *name) {
                Some(column) => batch.cells.push((*column, CellColumn::new(column.kind))),
                None => batch.note(|| format!("it has no column {name}")),
            }
        }
        batch
    }

    /// Makes room for that many more rows.
    pub fn reserve(&mut self, rows: usize) {
        for (_, cells) in &mut self.cells {
            cells.reserve(rows);
        }
    }

    /// Starts a row; its cells follow in the order of the columns.
    ///
    /// A row that does not fit (too few or too many cells, a wrong type) is reported when the batch is written, as
    /// [`DbError::RowShape`].
    pub fn row(&mut self) -> Cells<'_> {
        self.check_last_row();
        self.rows += 1;
        Cells { batch: self, next: 0 }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The table that the rows are for.
    #[must_use]
    pub fn table(&self) -> &'static Table {
        self.table
    }

    pub(super) fn columns(&self) -> &[(Column, CellColumn)] {
        &self.cells
    }

    /// The batch if all its rows are complete.
    pub(super) fn complete(&self) -> Result<(), DbError> {
        let short = || self.cells.iter().any(|(_, cells)| cells.len() != self.rows);
        let problem = match &self.problem {
            Some(problem) => problem.clone(),
            None if short() => "its last row has too few cells".to_owned(),
            None => return Ok(()),
        };
        Err(DbError::RowShape { table: self.table.name, problem })
    }

    fn check_last_row(&mut self) {
        let rows = self.rows;
        if self.cells.last().is_some_and(|(_, cells)| cells.len() != rows) {
            self.note(|| format!("row {rows} has too few cells"));
        }
    }

    /// Remembers the first mistake: the later ones are its consequences.
    fn note(&mut self, problem: impl FnOnce() -> String) {
        self.problem.get_or_insert_with(problem);
    }
}

/// The row that is being added to a batch; see [`Columns::row`].
#[derive(Debug)]
pub struct Cells<'batch> {
    batch: &'batch mut Columns,
    next: usize,
}

impl Cells<'_> {
    /// A text in the next column.
    #[inline]
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.opt_text(Some(text))
    }

    /// A text or NULL in the next column.
    #[inline]
    pub fn opt_text(&mut self, text: Option<&str>) -> &mut Self {
        match self.next_column() {
            Some((_, CellColumn::Text(cells))) => cells.push(text),
            _ => self.misfit("a text"),
        }
        self
    }

    /// An integer in the next column.
    #[inline]
    pub fn int(&mut self, int: i64) -> &mut Self {
        self.opt_int(Some(int))
    }

    /// An integer or NULL in the next column.
    #[inline]
    pub fn opt_int(&mut self, int: Option<i64>) -> &mut Self {
        match self.next_column() {
            Some((_, CellColumn::Int(cells))) => cells.push(int),
            _ => self.misfit("an integer"),
        }
        self
    }

    /// Yes (1) or no (0) in the next column, which holds integers.
    #[inline]
    pub fn flag(&mut self, flag: bool) -> &mut Self {
        self.int(flag.into())
    }

    /// A day in the next column.
    #[inline]
    pub fn date(&mut self, date: NaiveDate) -> &mut Self {
        self.opt_date(Some(date))
    }

    /// A day or NULL in the next column.
    #[inline]
    pub fn opt_date(&mut self, date: Option<NaiveDate>) -> &mut Self {
        match self.next_column() {
            Some((_, CellColumn::Date(cells))) => cells.push(date),
            _ => self.misfit("a day"),
        }
        self
    }

    fn next_column(&mut self) -> Option<&mut (Column, CellColumn)> {
        let column = self.batch.cells.get_mut(self.next);
        self.next += 1;
        column
    }

    #[cold]
    fn misfit(&mut self, given: &str) {
        let (row, position) = (self.batch.rows, self.next);
        let problem = match self.batch.cells.get(position - 1) {
            Some((column, _)) => format!("row {row} has {given} for column {}", column.name),
            None => format!("row {row} has more than {} cells", position - 1),
        };
        self.batch.note(|| problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table { name: "t", columns: &[Column::text("id"), Column::int("n"), Column::date("d")], key: &["id"] };

    #[track_caller]
    fn refused(batch: &Columns, problem: &str) {
        assert_eq!(batch.complete(), Err(DbError::RowShape { table: "t", problem: problem.to_owned() }));
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        let mut short = Columns::of(&TABLE);
        short.row().text("a").int(1);
        refused(&short, "its last row has too few cells");
        short.row().text("b").int(1).opt_date(None);
        refused(&short, "row 1 has too few cells");

        let mut long = Columns::only(&TABLE, &["id"]);
        long.row().text("a").int(1);
        refused(&long, "row 1 has more than 1 cells");

        let mut wrong = Columns::of(&TABLE);
        wrong.row().text("a").text("b").opt_date(None);
        refused(&wrong, "row 1 has a text for column n");

        refused(&Columns::only(&TABLE, &["id", "x"]), "it has no column x");
    }

    #[test]
    fn texts_keep_their_bounds() {
        let mut batch = Columns::only(&TABLE, &["id"]);
        for text in [Some("a"), None, Some(""), Some("żółć")] {
            batch.row().opt_text(text);
        }
        assert_eq!(batch.complete(), Ok(()));
        let Some((_, CellColumn::Text(cells))) = batch.columns().first() else { panic!("a text column") };
        assert_eq!(cells.iter().collect::<Vec<_>>(), [Some("a"), None, Some(""), Some("żółć")]);
    }
}

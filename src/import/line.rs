//! Where in a file something stands.

use std::fmt;

/// A line, and in a JSON array also which element: all of them may be on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// The line, from 1.
    pub number: u64,
    /// The element of the array, from 1.
    pub element: Option<u32>,
}

impl Line {
    /// Where a person looks for it: the element, or the line.
    #[must_use]
    pub fn place(self) -> Place {
        self.element.map_or(Place::Line(self.number), Place::Element)
    }
}

impl From<u64> for Line {
    fn from(number: u64) -> Self {
        Self { number, element: None }
    }
}

impl PartialEq<u64> for Line {
    fn eq(&self, number: &u64) -> bool {
        self.number == *number
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.element {
            None => write!(f, "{}", self.number),
            Some(element) => write!(f, "{}: element {element}", self.number),
        }
    }
}

/// A line or an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line, from 1.
    Line(u64),
    /// An element of an array, from 1.
    Element(u32),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "on line {number}"),
            Self::Element(number) => write!(f, "in element {number}"),
        }
    }
}
